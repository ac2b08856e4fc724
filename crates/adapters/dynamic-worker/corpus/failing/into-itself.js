//! {}
//= {"ended":"returned","value":["into_itself","into_itself"],"files":"unchanged"}
export default async ({ WORKSPACE }) => {
  const told = [await WORKSPACE.move("/docs", "/docs/api/docs"), await WORKSPACE.copy("/data", "/data/data")];
  return told.map(({ error }) => error.reason);
};
