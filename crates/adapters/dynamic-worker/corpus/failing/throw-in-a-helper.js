//! {}
//= {"ended":"threw","name":"RangeError","message":"7 is too many","line":5,"files":"discarded"}
function check(n) {
  if (n > 5) {
    throw new RangeError(`${n} is too many`);
  }
}

export default async () => [1, 7].forEach(check);
