//! {}
//= {"ended":"returned","value":"said","console":[["log","{\"a\":1}"],["log","[Error: bomb]"],["error","what was thrown cannot be told"]]}
export default async () => {
  const bomb = () => { throw new Error("bomb"); };
  console.log({ a: 1, toString: bomb, valueOf: bomb, [Symbol.toPrimitive]: bomb });
  console.log({ toJSON: () => undefined, toString: bomb });
  console.error(Object.defineProperty(new Error("x"), "name", { get: bomb }));
  return "said";
};
