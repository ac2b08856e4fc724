//! {}
//= {"ended":"threw","name":"Error","message":"under another name","files":"discarded"}
export default async () => {
  throw new Error("under another name");
};
//# sourceURL=https://example.com/evil.js
