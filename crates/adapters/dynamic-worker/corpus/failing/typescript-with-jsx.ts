//! {}
//= {"ended":"threw","name":"SyntaxError","message":"JSX is not supported in strip-only mode","module":"main.ts","line":3,"files":"discarded"}
export default () => <p>text</p>;
