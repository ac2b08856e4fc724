//! {}
//= {"ended":"threw","name":"RangeError","message":"a run returns what is up to 100 levels deep","files":"discarded","written":["/lost.txt"]}
export default async ({ WORKSPACE }) => {
  await WORKSPACE.writeFile("/lost.txt", "never kept");
  let deep = 1;
  for (let n = 0; n < 101; n += 1) deep = n % 2 ? { deep } : [deep];
  return deep;
};
