//! {}
//= {"ended":"returned","value":"one\r\n2\r\nthree\r\n","files":"applied","written":["/text/windows.txt"]}
export default async ({ WORKSPACE }) => {
  await WORKSPACE.edit("/text/windows.txt", [{ old: "two\r\n", new: "2\r\n" }]);
  return (await WORKSPACE.readText("/text/windows.txt")).value;
};
