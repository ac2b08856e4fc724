//! {}
//= {"ended":"threw","name":"SyntaxError","module":"main.ts","line":4,"files":"discarded"}
const right: number = 1;
const wrong: = 2;

export default () => right;
