//! {}
//= {"ended":"returned","value":["EvalError","EvalError","EvalError","EvalError","EvalError","EvalError","EvalError","EvalError"],"files":"unchanged"}
class Sample { method() {} get value() { return 1; } static async later() {} }
const kinds = [
  () => {}, async () => {}, function* () {}, async function* () {},
  Sample, Sample.prototype.method, Object.getOwnPropertyDescriptor(Sample.prototype, "value").get, Math.max.bind(null),
];

export default async () => kinds.map((kind) => {
  try {
    return typeof new kind.constructor("return globalThis")();
  } catch (error) {
    return error.name;
  }
});
