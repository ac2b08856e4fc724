//! {}
//= {"ended":"returned","value":"# Reference\n\n$1 \\n $& .*\n","files":"applied","written":["/docs/api/reference.md"]}
export default async ({ WORKSPACE }) => {
  await WORKSPACE.edit("/docs/api/reference.md", [{ old: "fetch(url)", new: "$1 \\n $& .*" }]);
  return (await WORKSPACE.readText("/docs/api/reference.md")).value;
};
