//! {"limits":{"bytes":100000}}
//= {"ended":"limit","limit":"bytes","files":"discarded"}
export default async ({ WORKSPACE }) => {
  for (let n = 0; n < 20; n += 1) await WORKSPACE.writeFile(`/w${n}.bin`, new Uint8Array(10_000));
  return "all were written";
};
