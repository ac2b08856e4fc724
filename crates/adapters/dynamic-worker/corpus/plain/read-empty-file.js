//! {}
//= {"ended":"returned","value":["",0],"files":"unchanged"}
export default async ({ WORKSPACE }) => {
  const text = await WORKSPACE.readText("/text/empty.txt");
  const bytes = await WORKSPACE.readFile("/text/empty.txt");
  return [text.value, bytes.value.byteLength];
};
