//! {"limits":{"console":10}}
//= {"ended":"returned","value":null,"console":[["log","a"]],"leftOut":2,"files":"unchanged"}
export default () => {
  console.log("a");
  console.log("x".repeat(10));
  console.log("b");
};
