//! {}
//= {"ended":"returned","value":null,"console":[["error","TypeError: wrong"],["warn","Mine: own at last"],["log","[Error: no JSON]"]]}
export default async () => {
  console.error(new TypeError("wrong"));
  console.warn(Object.assign(new Error("own"), { name: "Mine" }), "at last");
  console.log({ toJSON() { throw new Error("no JSON"); } });
};
