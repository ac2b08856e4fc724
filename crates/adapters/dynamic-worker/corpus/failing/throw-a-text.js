//! {}
//= {"ended":"threw","name":"","message":"only text","files":"discarded"}
export default async () => {
  throw "only text";
};
