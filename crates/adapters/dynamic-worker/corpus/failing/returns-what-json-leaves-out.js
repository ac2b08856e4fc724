//! {}
//= {"ended":"returned","value":{"list":[null,null,null,null],"date":"2020-01-01T00:00:00.000Z","noDate":null,"map":{},"set":{},"boxed":["s",1,true],"bytes":{"0":7},"regexp":{}},"files":"unchanged"}
export default async () => ({
  gone: undefined,
  list: [undefined, NaN, Infinity, -Infinity],
  date: new Date(Date.UTC(2020, 0)),
  noDate: new Date(NaN),
  map: new Map([[1, 2]]),
  set: new Set([1]),
  boxed: [new String("s"), new Number(1), new Boolean(true)],
  bytes: Uint8Array.of(7),
  regexp: /x/,
  [Symbol("key")]: 1,
});
