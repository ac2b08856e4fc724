//! {}
//= {"ended":"returned","value":"returned","files":"unchanged","written":[]}
export default async ({ WORKSPACE }) => {
  globalThis.kept = WORKSPACE;
  setTimeout(() => globalThis.kept.writeFile("/late.txt", "late"), 200);
  return "returned";
};
