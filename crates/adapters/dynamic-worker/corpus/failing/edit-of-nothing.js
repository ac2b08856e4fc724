//! {}
//= {"ended":"returned","value":["malformed_text","out_of_range","malformed_argument","malformed_argument"],"files":"unchanged"}
export default async ({ WORKSPACE }) => {
  const told = [
    await WORKSPACE.edit("/docs/guide.md", [{ old: "", new: "x" }]),
    await WORKSPACE.edit("/docs/guide.md", []),
    await WORKSPACE.edit("/docs/guide.md", [{ old: "See" }]),
    await WORKSPACE.edit("/docs/guide.md"),
  ];
  return told.map(({ error }) => error.reason);
};
