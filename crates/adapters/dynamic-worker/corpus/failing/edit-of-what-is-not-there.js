//! {}
//= {"ended":"returned","value":["text_absent","text_absent"],"files":"unchanged"}
export default async ({ WORKSPACE }) => {
  const told = [
    await WORKSPACE.edit("/docs/guide.md", [{ old: "see intro", new: "x" }]),
    await WORKSPACE.edit("/text/windows.txt", [{ old: "one\ntwo", new: "x", all: true }]),
  ];
  return told.map(({ error }) => error.reason);
};
