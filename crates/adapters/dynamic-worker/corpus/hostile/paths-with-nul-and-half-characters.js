//! {}
//= {"ended":"returned","value":["malformed_path","invalid"],"files":"unchanged","written":[]}
export default async ({ WORKSPACE }) => {
  const nul = await WORKSPACE.readText("/readme.md\0.txt");
  const half = await WORKSPACE.writeFile("/half\ud800", "x");
  return [nul.error.reason, half.error.code];
};
