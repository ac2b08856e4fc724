//! {}
//= {"ended":"returned","value":["/many/f01.txt","/many/f02.txt","/many/f11.txt","/many/f12.txt"],"files":"unchanged"}
export default async ({ WORKSPACE }) => {
  const { value } = await WORKSPACE.glob("/many/f[!2-9][12].???");
  return value.entries.map((entry) => entry.path);
};
