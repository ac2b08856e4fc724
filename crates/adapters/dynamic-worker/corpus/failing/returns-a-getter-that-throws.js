//! {}
//= {"ended":"threw","name":"Error","message":"do not look","line":5,"files":"discarded"}
export default async () => ({
  get value() {
    throw new Error("do not look");
  },
});
