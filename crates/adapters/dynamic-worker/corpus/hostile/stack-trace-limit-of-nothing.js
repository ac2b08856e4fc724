//! {}
//= {"ended":"threw","name":"Error","message":"without a stack","files":"discarded"}
Error.stackTraceLimit = 0;

export default async () => {
  throw new Error("without a stack");
};
