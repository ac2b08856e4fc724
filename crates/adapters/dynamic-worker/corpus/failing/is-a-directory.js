//! {}
//= {"ended":"returned","value":["is_a_directory","is_a_directory","is_a_directory","is_a_directory","is_a_directory"],"files":"unchanged"}
export default async ({ WORKSPACE }) => {
  const told = [
    await WORKSPACE.readFile("/docs"),
    await WORKSPACE.readText("/"),
    await WORKSPACE.writeFile("/docs", "x"),
    await WORKSPACE.edit("/docs", [{ old: "a", new: "b" }]),
    await WORKSPACE.move("/readme.md", "/empty", { replace: true }),
  ];
  return told.map(({ error }) => error.code);
};
