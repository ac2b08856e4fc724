//! {"input":{"a":1,"b":{"c":[2,3,4]},"d":5}}
//= {"ended":"returned","value":{"a":1,"first":2,"others":[3,4],"missing":"default","rest":{"d":5},"merged":{"x":2,"y":3}},"files":"unchanged"}
export default (_env, { a, b: { c: [first, ...others] }, missing = "default", ...rest }) => {
  const merged = { ...{ x: 1, y: 3 }, x: 2 };
  return { a, first, others, missing, rest, merged };
};
