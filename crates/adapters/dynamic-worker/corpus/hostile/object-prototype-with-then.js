//! {}
//= {"ended":"returned","value":"in its place","files":"unchanged"}
export default async () => {
  Object.prototype.then = function (resolve) {
    delete Object.prototype.then;
    resolve("in its place");
  };
  return { a: 1 };
};
