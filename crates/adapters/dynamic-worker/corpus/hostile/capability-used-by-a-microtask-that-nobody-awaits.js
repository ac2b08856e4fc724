//! {}
//= {"ended":"returned","value":"returned","denied":[]}
export default async ({ WORKSPACE }) => {
  globalThis.kept = WORKSPACE;
  queueMicrotask(() => globalThis.kept.exists("/readme.md"));
  return "returned";
};
