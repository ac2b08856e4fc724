//! {"limits":{"console":250000}}
//= {"ended":"returned","value":"said","leftOut":0}
export default async () => {
  console.log("y".repeat(3_000_000));
  console.log({ list: new Array(200_000).fill(7) });
  return "said";
};
