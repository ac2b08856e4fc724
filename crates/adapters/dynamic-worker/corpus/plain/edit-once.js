//! {}
//= {"ended":"returned","value":"# Guide\n\nRead intro.\n","files":"applied","written":["/docs/guide.md"]}
export default async ({ WORKSPACE }) => {
  await WORKSPACE.edit("/docs/guide.md", [{ old: "See", new: "Read" }]);
  return (await WORKSPACE.readText("/docs/guide.md")).value;
};
