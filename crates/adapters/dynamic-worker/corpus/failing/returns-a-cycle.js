//! {}
//= {"ended":"threw","name":"TypeError","files":"discarded","written":["/kept-not.txt"]}
export default async ({ WORKSPACE }) => {
  await WORKSPACE.writeFile("/kept-not.txt", "x");
  const cycle = { name: "round" };
  cycle.self = cycle;
  return cycle;
};
