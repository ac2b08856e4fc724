//! {"limits":{"millis":8000}}
//= {"files":"discarded"}
export default async () => {
  let text = "x".repeat(1000);
  for (;;) text = text + text;
};
