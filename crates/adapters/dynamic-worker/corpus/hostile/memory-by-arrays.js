//! {"limits":{"millis":8000}}
//= {"files":"discarded","written":["/lost.txt"]}
export default async ({ WORKSPACE }) => {
  await WORKSPACE.writeFile("/lost.txt", "never kept");
  const kept = [];
  for (let n = 0; n < 800; n += 1) kept.push(new Array(100_000).fill(n + 0.5));
  await new Promise(() => kept);
};
