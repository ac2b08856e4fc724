//! {"limits":{"millis":300}}
//= {"ended":"limit","limit":"time","files":"discarded"}
export default async () => {
  for (;;) await new Promise((resolve) => setTimeout(resolve, 1));
};
