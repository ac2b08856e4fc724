//! {}
//= {"ended":"returned","value":[["/bin/run.sh"],2],"files":"unchanged"}
export default async ({ WORKSPACE }) => {
  const { value } = await WORKSPACE.grep("echo", { path: "/bin" });
  return [value.matches.map((found) => found.path), value.skipped];
};
