//! {}
//= {"ended":"returned","value":[["already_exists","/readme.md"],["already_exists","/docs/intro.md"],["already_exists","/empty"]],"files":"unchanged"}
export default async ({ WORKSPACE }) => {
  const told = [
    await WORKSPACE.mkdir("/readme.md"),
    await WORKSPACE.move("/docs/guide.md", "/docs/intro.md"),
    await WORKSPACE.copy("/docs/api", "/empty"),
  ];
  return told.map(({ error }) => [error.code, error.path]);
};
