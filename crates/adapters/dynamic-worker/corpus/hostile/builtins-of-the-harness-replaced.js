//! {}
//= {"ended":"returned","value":"the truth","files":"unchanged","console":[["log","said"]],"leftOut":0}
Math.max = () => -1;
Promise.allSettled = () => {
  throw new Error("bomb");
};

export default async () => {
  console.log("said");
  return "the truth";
};
