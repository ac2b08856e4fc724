//! {"limits":{"millis":300}}
//= {"ended":"limit","limit":"time","files":"discarded"}
function* forever() {
  for (let n = 0; ; n += 1) yield n;
}

export default async () => {
  let last;
  for (const n of forever()) last = n;
  return last;
};
