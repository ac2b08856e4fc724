//! {"limits":{"console":1000}}
//= {"ended":"returned","value":"said all","console":[["log","aaaaaaaaaa"]],"leftOut":100}
export default async () => {
  console.log("a".repeat(10));
  for (let n = 0; n < 100; n += 1) console.warn("x".repeat(1200));
  return "said all";
};
