//! {}
//= {"ended":"returned","value":["`readText` takes path and options","`move` takes from, to and options","`diff` takes nothing and options","`writeFile` takes path, contents and options"],"files":"unchanged","written":[]}
export default async ({ WORKSPACE }) => {
  const told = [
    await WORKSPACE.readText("/readme.md", {}, 1),
    await WORKSPACE.move("/readme.md", "/b", true),
    await WORKSPACE.diff("/"),
    await WORKSPACE.writeFile("/a.txt", "x", null),
  ];
  return told.map(({ error }) => error.message);
};
