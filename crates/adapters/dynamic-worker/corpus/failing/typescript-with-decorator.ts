//! {}
//= {"ended":"threw","name":"SyntaxError","message":"decorators are not supported in strip-only mode","module":"main.ts","files":"discarded"}
const kept = (it: unknown) => it;

@kept
class A {}

export default () => new A();
