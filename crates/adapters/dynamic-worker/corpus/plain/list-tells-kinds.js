//! {}
//= {"ended":"returned","value":{"dir":"symlink","inside":"symlink","outside":"symlink","api":"directory","deep":"directory","guide.md":"file","intro.md":"file"},"files":"unchanged"}
export default async ({ WORKSPACE }) => {
  const kinds = {};
  for (const path of ["/links", "/docs"]) {
    for (const { name, entry } of (await WORKSPACE.list(path)).value.entries) kinds[name] = entry.kind;
  }
  return kinds;
};
