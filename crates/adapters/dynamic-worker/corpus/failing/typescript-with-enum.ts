//! {}
//= {"ended":"threw","name":"SyntaxError","message":"TypeScript enum is not supported in strip-only mode","module":"main.ts","line":3,"files":"discarded"}
enum Color {
  Red,
}

export default () => Color.Red;
