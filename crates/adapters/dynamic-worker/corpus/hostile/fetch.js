//! {}
//= {"ended":"threw","name":"TypeError","message":"fetch: a run has no network, and nothing but its files","files":"discarded"}
export default async () => {
  const response = await fetch("https://example.com/");
  return response.status;
};
