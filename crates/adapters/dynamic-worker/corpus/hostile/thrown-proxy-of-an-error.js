//! {}
//= {"ended":"threw","name":"RangeError","message":"behind a proxy","files":"discarded"}
export default async () => {
  throw new Proxy(new RangeError("behind a proxy"), {});
};
