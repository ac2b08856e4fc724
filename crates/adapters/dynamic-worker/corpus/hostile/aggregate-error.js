//! {}
//= {"ended":"threw","name":"AggregateError","message":"several at once","files":"discarded"}
export default async () => {
  throw new AggregateError([new Error("a"), new Error("b")], "several at once");
};
