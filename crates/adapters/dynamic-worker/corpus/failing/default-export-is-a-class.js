//! {}
//= {"ended":"threw","name":"TypeError","files":"discarded"}
export default class Program {
  run() {
    return "a class is not called";
  }
}
