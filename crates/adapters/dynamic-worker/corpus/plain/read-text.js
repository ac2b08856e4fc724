//! {}
//= {"ended":"returned","value":"# Readme\n\nHello, files.\n","files":"unchanged","written":[],"denied":[]}
export default async ({ WORKSPACE }) => {
  const read = await WORKSPACE.readText("/readme.md");
  return read.value;
};
