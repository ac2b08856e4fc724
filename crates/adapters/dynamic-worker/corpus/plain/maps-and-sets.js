//! {}
//= {"ended":"returned","value":{"order":["b","a"],"size":3,"nan":true,"words":[["alpha",40],["beta",40]]},"files":"unchanged"}
export default async ({ WORKSPACE }) => {
  const map = new Map([["b", 1], ["a", 2]]);
  const set = new Set([1, 1, NaN, NaN, "1"]);
  const counts = new Map();
  const { value } = await WORKSPACE.readText("/text/long.txt");
  for (const [word] of value.matchAll(/[a-z]+$/gm)) counts.set(word, (counts.get(word) ?? 0) + 1);
  return { order: [...map.keys()], size: set.size, nan: set.has(NaN), words: [...counts].slice(0, 2) };
};
