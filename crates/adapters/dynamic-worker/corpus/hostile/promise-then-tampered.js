//! {}
//= {"ended":"returned","value":"# Readme\n\nHello, files.\n","files":"unchanged"}
export default async ({ WORKSPACE }) => {
  const then = Promise.prototype.then;
  Promise.prototype.then = () => undefined;
  const { value } = await WORKSPACE.readText("/readme.md");
  Promise.prototype.then = then;
  return value;
};
