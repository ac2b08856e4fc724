//! {}
//= {"ended":"returned","value":0,"files":"unchanged","written":[]}
export default async ({ WORKSPACE }) => {
  const { value } = await WORKSPACE.readText("/readme.md");
  await WORKSPACE.writeFile("/readme.md", "for now");
  await WORKSPACE.writeFile("/readme.md", value);
  await WORKSPACE.mkdir("/tmp");
  await WORKSPACE.delete("/tmp");
  return (await WORKSPACE.diff()).value.differences.length;
};
