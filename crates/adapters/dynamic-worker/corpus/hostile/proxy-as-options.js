//! {}
//= {"ended":"returned","value":[2,"invalid"],"files":"unchanged"}
export default async ({ WORKSPACE }) => {
  const listed = await WORKSPACE.list("/many", new Proxy({ limit: 2 }, {}));
  const thrown = await WORKSPACE.list("/many", new Proxy({}, { ownKeys() { throw new Error("bomb"); } }));
  return [listed.value.entries.length, thrown.error.code];
};
