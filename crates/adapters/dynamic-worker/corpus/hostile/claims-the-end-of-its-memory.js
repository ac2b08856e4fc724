//! {}
//= {"ended":"threw","name":"InternalError","message":"out of memory","files":"discarded"}
export default async () => {
  throw Object.assign(new Error("out of memory"), { name: "InternalError" });
};
