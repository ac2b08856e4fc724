//! {}
//= {"ended":"threw","name":"SyntaxError","files":"discarded"}
export default (a: number) => a;
