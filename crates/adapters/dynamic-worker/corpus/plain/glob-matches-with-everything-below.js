//! {}
//= {"ended":"returned","value":["/docs/deep","/docs/deep/er","/docs/deep/er/est","/docs/deep/er/est/leaf.bin","/docs/deep/er/est/leaf.txt"],"files":"unchanged"}
export default async ({ WORKSPACE }) => {
  const { value } = await WORKSPACE.glob("deep");
  return value.entries.map((entry) => entry.path);
};
