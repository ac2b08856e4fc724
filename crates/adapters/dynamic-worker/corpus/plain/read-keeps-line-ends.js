//! {}
//= {"ended":"returned","value":["one\r","two\r","three\r",""],"files":"unchanged"}
export default async ({ WORKSPACE }) => {
  const { value } = await WORKSPACE.readText("/text/windows.txt");
  return value.split("\n");
};
