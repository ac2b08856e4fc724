//! {}
//= {"ended":"returned","value":["malformed_path","malformed_path","malformed_path","not_found","malformed_path","not_found"],"files":"unchanged","denied":[]}
export default async ({ WORKSPACE }) => {
  const told = [];
  for (const path of ["/../etc/passwd", "/docs/../readme.md", "..", "/%2e%2e/readme.md", "\\..\\readme.md", "/..\\readme.md"]) {
    const { error } = await WORKSPACE.readText(path);
    told.push(error.reason ?? error.code);
  }
  return told;
};
