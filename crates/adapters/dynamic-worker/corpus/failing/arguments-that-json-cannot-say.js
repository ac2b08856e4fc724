//! {}
//= {"ended":"returned","value":["malformed_argument","malformed_argument"],"files":"unchanged"}
export default async ({ WORKSPACE }) => {
  const cycle = [{ old: "See", new: "x" }];
  cycle[0].again = cycle;
  const told = [await WORKSPACE.edit("/docs/guide.md", cycle), await WORKSPACE.list("/", { limit: 5n })];
  return told.map(({ error }) => error.reason);
};
