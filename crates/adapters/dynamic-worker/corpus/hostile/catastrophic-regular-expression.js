//! {"limits":{"millis":300}}
//= {"ended":"limit","limit":"time","files":"discarded"}
export default async () => /^(a+)+$/.test(`${"a".repeat(50)}b`);
