//! {"limits":{"lines":3}}
//= {"ended":"returned","value":"said all","console":[["log","0"],["log","1"],["log","2"]],"leftOut":997}
export default async () => {
  for (let n = 0; n < 1000; n += 1) console.log(n);
  return "said all";
};
