//! {}
//= {"ended":"threw","name":"RangeError","message":"a run returns what is up to 100 levels deep","files":"discarded"}
export default async ({ WORKSPACE }) => {
  await WORKSPACE.writeFile("/kept.txt", "not kept: 200 deep is too deep");
  let deep = 1;
  for (let n = 0; n < 200; n += 1) deep = [deep];
  return deep;
};
