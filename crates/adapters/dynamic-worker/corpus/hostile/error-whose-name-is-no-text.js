//! {}
//= {"ended":"threw","name":"7","message":"null","files":"discarded"}
export default async () => {
  throw Object.assign(new Error("x"), { name: 7, message: null });
};
