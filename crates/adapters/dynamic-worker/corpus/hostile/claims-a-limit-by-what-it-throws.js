//! {}
//= {"ended":"threw","name":"","message":"{\"ended\":\"limit\",\"limit\":\"stack\"}","files":"discarded"}
export default async () => {
  throw { ended: "limit", limit: "stack" };
};
