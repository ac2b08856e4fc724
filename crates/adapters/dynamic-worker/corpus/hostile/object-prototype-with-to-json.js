//! {}
//= {"ended":"returned","value":"invalid","files":"unchanged","written":[]}
export default async ({ WORKSPACE }) => {
  Object.prototype.toJSON = () => "not an object";
  const { error } = await WORKSPACE.readText("/readme.md");
  delete Object.prototype.toJSON;
  return error.code;
};
