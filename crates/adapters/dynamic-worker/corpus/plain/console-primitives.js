//! {}
//= {"ended":"returned","value":1,"console":[["log","text 1 -1.5 NaN Infinity true null undefined"],["log","12n? 12"],["log","0"],["log","Symbol(s)"],["log",""]]}
export default async () => {
  console.log("text", 1, -1.5, NaN, Infinity, true, null, undefined);
  console.log("12n?", 12n);
  console.log(-0);
  console.log(Symbol("s"));
  console.log();
  return 1;
};
