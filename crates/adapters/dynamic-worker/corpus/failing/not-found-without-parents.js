//! {}
//= {"ended":"returned","value":[["not_found","/no"],["not_found","/none"],["not_found","/none"]],"files":"unchanged","written":[]}
export default async ({ WORKSPACE }) => {
  const told = [
    await WORKSPACE.writeFile("/no/such/file.txt", "x", { createParents: false }),
    await WORKSPACE.move("/readme.md", "/none/readme.md"),
    await WORKSPACE.copy("/readme.md", "/none/readme.md"),
  ];
  return told.map(({ error }) => [error.code, error.path]);
};
