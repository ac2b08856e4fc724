//! {}
//= {"ended":"returned","value":"through the proxy","files":"unchanged"}
export default new Proxy({}, {
  get: (_, key) => (key === "run" ? async () => "through the proxy" : undefined),
});
