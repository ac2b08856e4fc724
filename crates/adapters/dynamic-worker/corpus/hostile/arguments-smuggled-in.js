//! {}
//= {"ended":"returned","value":[true,true,true,true,true,true],"files":"unchanged","written":[]}
export default async ({ WORKSPACE }) => {
  const told = [];
  for (const name of ["copy", "revision", "tree", "actor", "scope", "ifContent"]) {
    const { error } = await WORKSPACE.writeFile("/a.txt", "x", { [name]: "x" });
    told.push(error.reason === "malformed_argument" && error.message.includes(`\`${name}\``));
  }
  return told;
};
