//! {"limits":{"millis":8000}}
//= {"files":"discarded"}
export default async () => {
  const map = new Map();
  for (let n = 0; n < 4_000_000; n += 1) map.set(`key ${n}`, [n]);
  await new Promise(() => map);
};
