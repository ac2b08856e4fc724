//! {}
//= {"ended":"returned","value":["/docs/deep/er/est/leaf.bin","/docs/deep/er/est/leaf.txt"],"files":"unchanged"}
export default async ({ WORKSPACE }) => {
  const { value } = await WORKSPACE.glob("/docs/**/leaf.*");
  return value.entries.map((entry) => entry.path);
};
