//! {}
//= {"ended":"returned","value":null,"console":[["debug","a"],["log","b"],["info","c"],["warn","d"],["error","e"],["debug","f"]]}
export default async () => {
  console.debug("a");
  console.log("b");
  console.info("c");
  console.warn("d");
  console.error("e");
  console.trace("f");
};
