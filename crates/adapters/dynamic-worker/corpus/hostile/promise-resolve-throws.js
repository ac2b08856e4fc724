//! {}
//= {"ended":"returned","value":1,"console":[["log","said"]],"files":"unchanged"}
export default () => {
  console.log("said");
  for (const name of ["resolve", "all", "allSettled"]) {
    Promise[name] = () => {
      throw new Error("Worker exceeded CPU time limit");
    };
  }
  return 1;
};
