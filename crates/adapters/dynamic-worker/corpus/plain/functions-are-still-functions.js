//! {}
//= {"ended":"returned","value":[true,true,"function",[1,2]],"files":"unchanged"}
export default async () => [
  (() => {}) instanceof Function,
  (async () => {}) instanceof Function,
  typeof Function,
  Function.prototype.call.call((...all) => all, null, 1, 2),
];
