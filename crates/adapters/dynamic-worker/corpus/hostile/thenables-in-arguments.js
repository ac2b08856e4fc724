//! {}
//= {"ended":"returned","value":["malformed_argument","malformed_argument"],"files":"unchanged","written":[]}
export default async ({ WORKSPACE }) => {
  const thenable = { then: (done) => done("/readme.md") };
  const told = [await WORKSPACE.readText(thenable), await WORKSPACE.writeFile("/a.txt", Promise.resolve("x"))];
  return told.map(({ error }) => error.reason);
};
