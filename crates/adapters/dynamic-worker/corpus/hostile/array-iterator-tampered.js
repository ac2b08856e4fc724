//! {}
//= {"ended":"returned","value":"# Readme\n\nHello, files.\n","files":"unchanged","written":[]}
export default async ({ WORKSPACE }) => {
  const iterator = Array.prototype[Symbol.iterator];
  Array.prototype[Symbol.iterator] = function* () {};
  await Promise.resolve(WORKSPACE.writeFile("/private/x.txt", "x")).catch(() => {});
  Array.prototype[Symbol.iterator] = iterator;
  await WORKSPACE.delete("/private/x.txt");
  return (await WORKSPACE.readText("/readme.md")).value;
};
