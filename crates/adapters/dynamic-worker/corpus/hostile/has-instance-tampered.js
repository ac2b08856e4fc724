//! {}
//= {"ended":"threw","files":"discarded"}
Object.defineProperty(Error, Symbol.hasInstance, { value: () => { throw new Error("bomb"); } });

export default async () => {
  throw new TypeError("thrown");
};
