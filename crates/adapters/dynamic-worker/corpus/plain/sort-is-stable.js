//! {}
//= {"ended":"returned","value":[true,[1,10,9],[1,9,10]],"files":"unchanged"}
export default () => {
  const all = Array.from({ length: 600 }, (_, n) => ({ n, key: n % 3 }));
  all.sort((a, b) => a.key - b.key);
  const stable = all.every((one, at) => at === 0 || one.key > all[at - 1].key || one.n > all[at - 1].n);
  return [stable, [10, 9, 1].sort(), [10, 9, 1].sort((a, b) => a - b)];
};
