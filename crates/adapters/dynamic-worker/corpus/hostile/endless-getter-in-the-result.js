//! {"limits":{"millis":300}}
//= {"ended":"limit","limit":"time","files":"discarded"}
export default async () => ({
  get value() {
    for (;;);
  },
});
