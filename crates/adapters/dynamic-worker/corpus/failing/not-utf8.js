//! {}
//= {"ended":"returned","value":[["invalid","not_utf8","/bin/latin1.txt"],["invalid","not_utf8","/bin/image.bin"],["invalid","not_utf8","/bin/latin1.txt"]],"files":"unchanged"}
export default async ({ WORKSPACE }) => {
  const told = [
    await WORKSPACE.readText("/bin/latin1.txt"),
    await WORKSPACE.readText("/bin/image.bin"),
    await WORKSPACE.edit("/bin/latin1.txt", [{ old: "caf", new: "tea" }]),
  ];
  return told.map(({ error }) => [error.code, error.reason, error.path]);
};
