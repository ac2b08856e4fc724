//! {}
//= {"ended":"returned","value":"line 042: edited","files":"applied","written":["/text/long.txt"]}
export default async ({ WORKSPACE }) => {
  await WORKSPACE.edit("/text/long.txt", [{ old: "line 042: beta", new: "line 042: edited" }]);
  const { value } = await WORKSPACE.readText("/text/long.txt");
  return value.split("\n")[41];
};
