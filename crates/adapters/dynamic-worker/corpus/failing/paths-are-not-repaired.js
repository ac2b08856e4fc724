//! {}
//= {"ended":"returned","value":["malformed_path","malformed_path","malformed_path","malformed_path","malformed_path"],"files":"unchanged"}
export default async ({ WORKSPACE }) => {
  const told = [];
  for (const path of ["", "readme.md", "/docs/", "//readme.md", "/./readme.md"]) {
    told.push((await WORKSPACE.readText(path)).error.reason);
  }
  return told;
};
