//! {}
//= {"ended":"returned","value":1,"files":"unchanged"}
export default () => {
  Array.prototype[Symbol.iterator] = () => {
    throw new Error("Worker exceeded memory limit");
  };
  return 1;
};
