//! {}
//= {"ended":"returned","value":null,"console":[["log","[function named] [function Made] [function ]"],["log","{\"kept\":1}"]]}
export default async () => {
  function named() {}
  class Made {}
  console.log(named, Made, (() => () => {})());
  console.log({ kept: 1, dropped: named });
};
