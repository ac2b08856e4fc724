//! {}
//= {"ended":"returned","value":["malformed_glob","malformed_glob","malformed_glob","malformed_glob"],"files":"unchanged"}
export default async ({ WORKSPACE }) => {
  const told = [
    await WORKSPACE.glob(""),
    await WORKSPACE.glob("[a"),
    await WORKSPACE.glob("a//b"),
    await WORKSPACE.grep("a", { glob: "/../x" }),
  ];
  return told.map(({ error }) => error.reason);
};
