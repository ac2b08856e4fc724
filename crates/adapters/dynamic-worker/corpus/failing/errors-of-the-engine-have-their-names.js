//! {}
//= {"ended":"returned","value":["TypeError","ReferenceError","RangeError","SyntaxError","URIError","SyntaxError"],"files":"unchanged"}
const tries = [
  () => null.x,
  () => absent,
  () => new Array(-1),
  () => JSON.parse("{"),
  () => decodeURIComponent("%"),
  () => new RegExp("("),
];

export default async () => tries.map((one) => {
  try {
    one();
  } catch (error) {
    return error.name;
  }
});
