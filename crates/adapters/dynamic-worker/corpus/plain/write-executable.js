//! {}
//= {"ended":"returned","value":[true,false],"files":"applied","written":["/new.sh","/plain.txt"]}
export default async ({ WORKSPACE }) => {
  await WORKSPACE.writeFile("/new.sh", "exit 0\n", { executable: true });
  await WORKSPACE.writeFile("/plain.txt", "x");
  const executable = async (path) => (await WORKSPACE.stat(path)).value.entry.executable;
  return [await executable("/new.sh"), await executable("/plain.txt")];
};
