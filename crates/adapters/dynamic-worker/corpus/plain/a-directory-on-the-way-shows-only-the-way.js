//! {"scope":{"read":["/docs/api/**"],"write":[]}}
//= {"ended":"returned","value":[["docs"],["api"],["reference.md"]],"files":"unchanged","denied":[]}
export default async ({ WORKSPACE }) => {
  const names = async (path) => (await WORKSPACE.list(path)).value.entries.map((entry) => entry.name);
  return [await names("/"), await names("/docs"), await names("/docs/api")];
};
