//! {}
//= {"ended":"returned","value":["not_a_file","not_a_file","not_a_file"],"files":"unchanged"}
export default async ({ WORKSPACE }) => {
  const told = [
    await WORKSPACE.readFile("/links/inside"),
    await WORKSPACE.readText("/links/outside"),
    await WORKSPACE.edit("/links/inside", [{ old: "a", new: "b" }]),
  ];
  return told.map(({ error }) => error.reason);
};
