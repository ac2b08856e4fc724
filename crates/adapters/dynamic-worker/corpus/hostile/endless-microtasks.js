//! {"limits":{"millis":300}}
//= {"ended":"limit","limit":"time","files":"discarded"}
export default async () => {
  for (;;) await null;
};
