//! {}
//= {"ended":"returned","value":["malformed_argument","malformed_argument","malformed_argument","malformed_argument"],"files":"unchanged"}
export default async ({ WORKSPACE }) => {
  const told = [
    await WORKSPACE.readText(7),
    await WORKSPACE.readText(null),
    await WORKSPACE.stat(["/readme.md"]),
    await WORKSPACE.readText(),
  ];
  return told.map(({ error }) => error.reason);
};
