//! {}
//= {"ended":"returned","value":["EvalError","EvalError"],"files":"unchanged"}
class Made extends Function {}

export default async () => [() => new Made("return 1"), () => Reflect.construct(Function, ["return 1"], Array)].map((way) => {
  try {
    return typeof way();
  } catch (error) {
    return error.name;
  }
});
