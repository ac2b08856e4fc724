//! {}
//= {"ended":"returned","value":["EvalError","EvalError","EvalError","EvalError"],"files":"unchanged"}
const ways = [
  () => (0, eval)("1"),
  () => globalThis["ev" + "al"]("1"),
  () => Reflect.apply(eval, undefined, ["1"]),
  () => ["1"].map(eval),
];

export default async () => ways.map((way) => {
  try {
    return way();
  } catch (error) {
    return error.name;
  }
});
