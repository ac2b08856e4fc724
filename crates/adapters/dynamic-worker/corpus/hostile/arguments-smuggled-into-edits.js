//! {}
//= {"ended":"returned","value":["malformed_argument","malformed_argument"],"files":"unchanged","written":[]}
export default async ({ WORKSPACE }) => {
  const edit = { old: "See", new: "Read" };
  const told = [
    await WORKSPACE.edit("/docs/guide.md", [{ ...edit, copy: "head" }]),
    await WORKSPACE.edit("/docs/guide.md", [edit], { actor: "root" }),
  ];
  return told.map(({ error }) => error.reason);
};
