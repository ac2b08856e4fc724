//! {}
//= {"ended":"returned","value":"deep","files":"applied","written":["/made","/made/on","/made/on/the","/made/on/the/way.txt"]}
export default async ({ WORKSPACE }) => {
  await WORKSPACE.writeFile("/made/on/the/way.txt", "deep");
  return (await WORKSPACE.readText("/made/on/the/way.txt")).value;
};
