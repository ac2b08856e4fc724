//! {}
//= {"ended":"returned","value":[0,1,1,2,3,5,8,13],"files":"unchanged"}
function* fibonacci() {
  let [a, b] = [0, 1];
  for (;;) {
    yield a;
    [a, b] = [b, a + b];
  }
}

export default async () => {
  const found = [];
  for (const n of fibonacci()) {
    if (n > 20) break;
    found.push(n);
  }
  return found;
};
