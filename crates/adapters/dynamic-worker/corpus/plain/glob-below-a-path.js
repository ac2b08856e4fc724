//! {}
//= {"ended":"returned","value":["/docs/api/reference.md"],"files":"unchanged"}
export default async ({ WORKSPACE }) => {
  const { value } = await WORKSPACE.glob("*.md", { path: "/docs/api" });
  return value.entries.map((entry) => entry.path);
};
