//! {}
//= {"ended":"threw","name":"Error","message":"no run","line":5,"files":"discarded"}
export default {
  get run() {
    throw new Error("no run");
  },
};
