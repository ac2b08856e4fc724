//! {}
//= {"ended":"returned","value":true,"files":"applied","written":["/copy.bin"]}
export default async ({ WORKSPACE }) => {
  await WORKSPACE.copy("/bin/image.bin", "/copy.bin");
  const content = async (path) => (await WORKSPACE.stat(path)).value.entry.content;
  return (await content("/copy.bin")) === (await content("/bin/image.bin"));
};
