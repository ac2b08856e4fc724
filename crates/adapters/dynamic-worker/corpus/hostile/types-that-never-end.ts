//! {}
//= {"ended":"threw","name":"SyntaxError","module":"main.ts","files":"discarded"}
export default () => 1;
type Endless = { a: { b: [`${string
