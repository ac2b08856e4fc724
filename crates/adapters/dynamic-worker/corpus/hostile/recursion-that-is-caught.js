//! {}
//= {"ended":"returned","value":["RangeError","still here"],"files":"unchanged"}
const deeper = (n) => 1 + deeper(n + 1);

export default async () => {
  try {
    return deeper(0);
  } catch (error) {
    return [error.name, "still here"];
  }
};
