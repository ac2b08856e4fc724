//! {}
//= {"ended":"returned","value":{"object":{"a":"A"},"array":[1,2]},"files":"unchanged"}
export default async () => ({
  object: new Proxy({ a: "a" }, { get: (at, key) => (typeof at[key] === "string" ? at[key].toUpperCase() : undefined) }),
  array: new Proxy([1, 2], {}),
});
