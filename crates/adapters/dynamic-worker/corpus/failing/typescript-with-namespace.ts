//! {}
//= {"ended":"threw","name":"SyntaxError","message":"TypeScript namespace declaration is not supported in strip-only mode","module":"main.ts","line":5,"files":"discarded"}
export default () => Space.a;

namespace Space {
  export const a = 1;
}
