//! {}
//= {"ended":"returned","value":[[0,1,2],"1,2"],"files":"unchanged"}
export default () => {
  const made = [];
  for (let n = 0; n < 3; n += 1) made.push(() => n);
  let found = "";
  outer: for (let a = 0; a < 4; a += 1) {
    for (let b = 0; b < 4; b += 1) {
      if (b > 2) continue outer;
      if (a * b === 2) {
        found = `${a},${b}`;
        break outer;
      }
    }
  }
  return [made.map((one) => one()), found];
};
