//! {}
//= {"ended":"threw","name":"","message":"{\"code\":7,\"why\":[\"a\"]}","files":"discarded"}
export default async () => {
  throw { code: 7, why: ["a"] };
};
