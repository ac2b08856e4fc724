//! {"limits":{"millis":3000}}
//= {"files":"discarded","written":["/lost.txt"]}
export default async ({ WORKSPACE }) => {
  await WORKSPACE.writeFile("/lost.txt", "never kept");
  let deep = [];
  for (let n = 0; n < 100_000; n += 1) deep = [deep];
  return deep;
};
