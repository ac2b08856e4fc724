//! {}
//= {"ended":"returned","value":["malformed_pattern","malformed_pattern","malformed_pattern"],"files":"unchanged"}
export default async ({ WORKSPACE }) => {
  const told = [await WORKSPACE.grep(""), await WORKSPACE.grep("("), await WORKSPACE.grep("x".repeat(1001))];
  return told.map(({ error }) => error.reason);
};
