//! {"limits":{"bytes":20000}}
//= {"ended":"limit","limit":"bytes","files":"discarded"}
export default async ({ WORKSPACE }) => {
  for (let n = 0; n < 20; n += 1) await WORKSPACE.readText("/text/long.txt");
  return "all were read";
};
