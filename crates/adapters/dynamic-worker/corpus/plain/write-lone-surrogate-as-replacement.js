//! {}
//= {"ended":"returned","value":[97,239,191,189,98],"files":"applied","written":["/lone.txt"]}
export default async ({ WORKSPACE }) => {
  await WORKSPACE.writeFile("/lone.txt", "a\ud800b");
  return Array.from((await WORKSPACE.readFile("/lone.txt")).value);
};
