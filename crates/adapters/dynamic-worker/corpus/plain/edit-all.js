//! {}
//= {"ended":"returned","value":[0,40],"files":"applied","written":["/text/long.txt"]}
export default async ({ WORKSPACE }) => {
  await WORKSPACE.edit("/text/long.txt", [{ old: "gamma", new: "omega", all: true }]);
  const { value } = await WORKSPACE.readText("/text/long.txt");
  return [value.split("gamma").length - 1, value.split("omega").length - 1];
};
