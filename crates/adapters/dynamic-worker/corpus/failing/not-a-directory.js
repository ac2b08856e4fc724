//! {}
//= {"ended":"returned","value":[["not_a_directory","/readme.md"],["not_a_directory","/readme.md"],["not_a_directory","/readme.md"],["not_a_directory","/readme.md"],["not_a_directory","/links/dir"]],"files":"unchanged"}
export default async ({ WORKSPACE }) => {
  const told = [
    await WORKSPACE.list("/readme.md"),
    await WORKSPACE.writeFile("/readme.md/below", "x"),
    await WORKSPACE.mkdir("/readme.md/below"),
    await WORKSPACE.move("/empty", "/readme.md", { replace: true }),
    await WORKSPACE.list("/links/dir"),
  ];
  return told.map(({ error }) => [error.code, error.path]);
};
