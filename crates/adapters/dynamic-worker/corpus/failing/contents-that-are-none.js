//! {}
//= {"ended":"returned","value":["malformed_argument","malformed_argument","malformed_argument","malformed_argument"],"files":"unchanged","written":[]}
export default async ({ WORKSPACE }) => {
  const told = [];
  for (const contents of [undefined, 7, { text: "x" }, [1, 2]]) {
    told.push((await WORKSPACE.writeFile("/a.txt", contents)).error.reason);
  }
  return told;
};
