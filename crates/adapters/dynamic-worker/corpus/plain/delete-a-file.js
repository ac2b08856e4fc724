//! {}
//= {"ended":"returned","value":false,"files":"applied","written":["/readme.md"]}
export default async ({ WORKSPACE }) => {
  await WORKSPACE.delete("/readme.md");
  return (await WORKSPACE.exists("/readme.md")).value;
};
