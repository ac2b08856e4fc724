//! {}
//= {"ended":"returned","value":"ok","files":"unchanged","written":[]}
export default async ({ WORKSPACE }) => {
  Object.prototype.toJSON = () => "not an object";
  const { status } = await WORKSPACE.readText("/readme.md");
  delete Object.prototype.toJSON;
  return status;
};
