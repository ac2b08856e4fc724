//! {}
//= {"ended":"returned","value":["invalid",1],"files":"unchanged","written":[]}
export default async ({ WORKSPACE }) => {
  const thrown = await WORKSPACE.list("/", { get limit() { throw new Error("bomb"); } });
  const listed = await WORKSPACE.list("/many", { get limit() { return 1; } });
  return [thrown.error.code, listed.value.entries.length];
};
