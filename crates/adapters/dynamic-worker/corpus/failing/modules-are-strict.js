//! {}
//= {"ended":"threw","name":"ReferenceError","files":"discarded"}
export default async () => {
  undeclared = 1;
};
