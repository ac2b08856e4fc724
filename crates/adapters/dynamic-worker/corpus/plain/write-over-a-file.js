//! {}
//= {"ended":"returned","value":"other","files":"applied","written":["/readme.md"]}
export default async ({ WORKSPACE }) => {
  await WORKSPACE.writeFile("/readme.md", "other");
  return (await WORKSPACE.readText("/readme.md")).value;
};
