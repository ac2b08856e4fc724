//! {}
//= {"ended":"returned","value":[["Grüße 👋🏽",1],["naïve café 日本",2]],"files":"unchanged"}
export default async ({ WORKSPACE }) => {
  const found = [];
  for (const pattern of ["👋", "caf. 日"]) {
    const { matches } = (await WORKSPACE.grep(pattern, { path: "/text" })).value;
    found.push([matches[0].text, matches[0].line]);
  }
  return found;
};
