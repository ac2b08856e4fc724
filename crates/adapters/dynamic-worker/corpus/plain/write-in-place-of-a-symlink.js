//! {}
//= {"ended":"returned","value":["file","# Intro\n\nFirst words.\n"],"files":"applied","written":["/links/inside"]}
export default async ({ WORKSPACE }) => {
  await WORKSPACE.writeFile("/links/inside", "a file now");
  const { entry } = (await WORKSPACE.stat("/links/inside")).value;
  return [entry.kind, (await WORKSPACE.readText("/docs/intro.md")).value];
};
