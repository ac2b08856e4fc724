//! {"limits":{"millis":300,"calls":1000000}}
//= {"ended":"limit","limit":"time","files":"discarded"}
export default async ({ WORKSPACE }) => {
  for (;;) await WORKSPACE.exists("/readme.md");
};
