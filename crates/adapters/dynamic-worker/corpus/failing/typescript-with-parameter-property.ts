//! {}
//= {"ended":"threw","name":"SyntaxError","message":"TypeScript parameter property is not supported in strip-only mode","module":"main.ts","line":4,"files":"discarded"}
class A {
  constructor(private readonly a: number) {}
}

export default () => new A(1);
