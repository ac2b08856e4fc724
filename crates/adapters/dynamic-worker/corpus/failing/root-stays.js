//! {}
//= {"ended":"returned","value":["root","root"],"files":"unchanged"}
export default async ({ WORKSPACE }) => {
  const told = [await WORKSPACE.delete("/"), await WORKSPACE.move("/", "/below")];
  return told.map(({ error }) => error.reason);
};
