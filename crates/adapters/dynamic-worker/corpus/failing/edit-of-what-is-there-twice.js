//! {}
//= {"ended":"returned","value":["invalid","text_not_unique","/text/long.txt"],"files":"unchanged","written":[]}
export default async ({ WORKSPACE }) => {
  const { error } = await WORKSPACE.edit("/text/long.txt", [{ old: "gamma", new: "omega" }]);
  return [error.code, error.reason, error.path];
};
