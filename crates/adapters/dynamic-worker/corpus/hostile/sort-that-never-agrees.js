//! {}
//= {"ended":"returned","value":[1000,499500],"files":"unchanged"}
export default async () => {
  let turn = 0;
  const all = Array.from({ length: 1000 }, (_, n) => n);
  all.sort(() => ((turn = (turn * 31 + 7) % 101) % 3) - 1);
  return [all.length, all.reduce((sum, n) => sum + n, 0)];
};
