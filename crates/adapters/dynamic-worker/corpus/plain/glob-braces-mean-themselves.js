//! {}
//= {"ended":"returned","value":[0,"/x{a,b}.md"],"files":"applied","written":["/x{a,b}.md"]}
export default async ({ WORKSPACE }) => {
  const none = (await WORKSPACE.glob("{readme,intro}.md")).value.entries;
  await WORKSPACE.writeFile("/x{a,b}.md", "");
  const [one] = (await WORKSPACE.glob("x{a,b}.md")).value.entries;
  return [none.length, one.path];
};
