//! {}
//= {"ended":"returned","value":[false,true],"files":"applied","written":["/links/inside"]}
export default async ({ WORKSPACE }) => {
  await WORKSPACE.delete("/links/inside");
  const exists = async (path) => (await WORKSPACE.exists(path)).value;
  return [await exists("/links/inside"), await exists("/docs/intro.md")];
};
