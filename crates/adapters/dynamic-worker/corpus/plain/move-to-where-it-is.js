//! {}
//= {"ended":"returned","value":"ok","files":"unchanged","written":[]}
export default async ({ WORKSPACE }) => {
  return (await WORKSPACE.move("/readme.md", "/readme.md")).status;
};
