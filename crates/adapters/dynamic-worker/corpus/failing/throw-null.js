//! {}
//= {"ended":"threw","name":"","message":"null","files":"discarded"}
export default async () => {
  throw null;
};
