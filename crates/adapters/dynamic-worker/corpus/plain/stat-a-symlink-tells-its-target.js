//! {}
//= {"ended":"returned","value":["../docs/intro.md","/../etc/passwd"],"files":"unchanged"}
export default async ({ WORKSPACE }) => {
  const target = async (path) => (await WORKSPACE.stat(path)).value.entry.target;
  return [await target("/links/inside"), await target("/links/outside")];
};
