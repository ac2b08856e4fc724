//! {}
//= {"ended":"threw","name":"","message":"what was thrown cannot be told","files":"discarded"}
export default async () => {
  const error = new Error("x");
  Object.defineProperty(error, "message", { get() { throw new Error("bomb"); } });
  throw error;
};
