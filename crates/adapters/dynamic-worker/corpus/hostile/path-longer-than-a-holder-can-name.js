//! {}
//= {"ended":"returned","value":["ok","denied"],"files":"applied"}
export default async ({ WORKSPACE }) => {
  const long = (names) => `/${"n".repeat(99)}`.repeat(names);
  const told = [await WORKSPACE.writeFile(long(10), "x"), await WORKSPACE.writeFile(long(11), "x")];
  return told.map((one) => one.error?.code ?? one.status);
};
