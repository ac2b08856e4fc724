//! {"limits":{"millis":300}}
//= {"ended":"limit","limit":"time","files":"discarded","written":[]}
export default async () => {
  for (;;);
};
