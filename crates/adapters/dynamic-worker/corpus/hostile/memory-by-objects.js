//! {"limits":{"millis":8000}}
//= {"files":"discarded"}
export default async () => {
  let last = null;
  for (let n = 0; n < 5_000_000; n += 1) last = { n, last, text: `${n}` };
  await new Promise(() => last);
};
