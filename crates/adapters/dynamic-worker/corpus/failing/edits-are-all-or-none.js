//! {}
//= {"ended":"returned","value":["text_absent","# Guide\n\nSee intro.\n"],"files":"unchanged","written":[]}
export default async ({ WORKSPACE }) => {
  const edits = [{ old: "See", new: "Read" }, { old: "nowhere", new: "x" }];
  const { error } = await WORKSPACE.edit("/docs/guide.md", edits);
  return [error.reason, (await WORKSPACE.readText("/docs/guide.md")).value];
};
