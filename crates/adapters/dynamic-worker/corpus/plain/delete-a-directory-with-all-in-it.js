//! {}
//= {"ended":"returned","value":[false,false],"files":"applied","written":["/docs/deep","/docs/deep/er","/docs/deep/er/est","/docs/deep/er/est/leaf.bin","/docs/deep/er/est/leaf.txt"]}
export default async ({ WORKSPACE }) => {
  await WORKSPACE.delete("/docs/deep");
  const exists = async (path) => (await WORKSPACE.exists(path)).value;
  return [await exists("/docs/deep"), await exists("/docs/deep/er/est/leaf.txt")];
};
