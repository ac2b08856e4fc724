//! {}
//= {"ended":"returned","value":"# Guide\n\nC intro.\n","files":"applied","written":["/docs/guide.md"]}
export default async ({ WORKSPACE }) => {
  const edits = [{ old: "See", new: "A" }, { old: "A", new: "B" }, { old: "B", new: "C" }];
  await WORKSPACE.edit("/docs/guide.md", edits);
  return (await WORKSPACE.readText("/docs/guide.md")).value;
};
