//! {"limits":{"millis":3000}}
//= {"files":"discarded"}
export default async () => {
  const kept = [];
  for (let n = 0; n < 640; n += 1) kept.push(new Uint8Array(1 << 20).fill(n));
  await new Promise(() => kept);
};
