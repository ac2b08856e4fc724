//! {}
//= {"ended":"returned","value":1,"console":[["log","said"]],"files":"unchanged"}
export default () => {
  console.log("said");
  const get = () => {
    throw new Error("Worker exceeded memory limit");
  };
  Object.defineProperty(Promise.prototype, "constructor", { get });
  Object.defineProperty(Promise, Symbol.species, { get });
  return 1;
};
