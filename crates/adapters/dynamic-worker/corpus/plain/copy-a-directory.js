//! {}
//= {"ended":"returned","value":[true,true],"files":"applied","written":["/data2","/data2/people.json","/data2/table.csv"]}
export default async ({ WORKSPACE }) => {
  await WORKSPACE.copy("/data", "/data2");
  const tree = async (path) => (await WORKSPACE.stat(path)).value.entry.tree;
  return [(await tree("/data")) === (await tree("/data2")), (await WORKSPACE.exists("/data2/table.csv")).value];
};
