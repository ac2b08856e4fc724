//! {}
//= {"ended":"limit","limit":"value","files":"discarded"}
export default async () => {
  const sparse = [];
  sparse.length = 300_000;
  return sparse;
};
