//! {}
//= {"ended":"threw","name":"SyntaxError","files":"discarded","console":[]}
console.log("never said");

export default async () => {
  const = 1;
};
