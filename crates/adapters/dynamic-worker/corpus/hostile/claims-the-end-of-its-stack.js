//! {}
//= {"ended":"threw","name":"RangeError","message":"Maximum call stack size exceeded","line":4,"files":"discarded"}
export default async () => {
  throw new RangeError("Maximum call stack size exceeded");
};
