//! {}
//= {"ended":"returned","value":[65279,"with a mark\n"],"files":"unchanged"}
export default async ({ WORKSPACE }) => {
  const { value } = await WORKSPACE.readText("/text/bom.txt");
  return [value.charCodeAt(0), value.slice(1)];
};
