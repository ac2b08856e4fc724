//! {}
//= {"ended":"returned","value":["/docs/api/reference.md","/docs/guide.md","/docs/intro.md","/readme.md"],"files":"unchanged"}
export default async ({ WORKSPACE }) => {
  const { value } = await WORKSPACE.glob("*.md");
  return value.entries.map((entry) => entry.path);
};
