//! {}
//= {"ended":"returned","value":["/docs/guide.md changed","/new new","/new/a.txt new","/readme.md gone"],"files":"applied","written":["/docs/guide.md","/new","/new/a.txt","/readme.md"]}
export default async ({ WORKSPACE }) => {
  await WORKSPACE.writeFile("/new/a.txt", "a");
  await WORKSPACE.delete("/readme.md");
  await WORKSPACE.edit("/docs/guide.md", [{ old: "See", new: "Read" }]);
  const { differences } = (await WORKSPACE.diff()).value;
  const what = (one) => (one.old && one.new ? "changed" : one.new ? "new" : "gone");
  return differences.map((one) => `${one.path} ${what(one)}`);
};
