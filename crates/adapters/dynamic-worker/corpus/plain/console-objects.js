//! {}
//= {"ended":"returned","value":null,"console":[["log","{\"a\":[1,{\"b\":null}]} [1,\"x\",null]"],["log","{} {} {}"],["log","{\"0\":1,\"1\":2}"],["log","\"2020-01-01T00:00:00.000Z\""],["log","{\"shown\":true}"]]}
export default async () => {
  console.log({ a: [1, { b: null }] }, [1, "x", undefined]);
  console.log(new Map([[1, 2]]), new Set([1]), /x/g);
  console.log(Uint8Array.of(1, 2));
  console.log(new Date(Date.UTC(2020, 0)));
  console.log({ hidden: 1, toJSON: () => ({ shown: true }) });
};
