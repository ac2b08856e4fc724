//! {}
//= {"ended":"returned","value":{"differences":[]},"files":"unchanged","written":[]}
export default async ({ WORKSPACE }) => {
  return (await WORKSPACE.diff()).value;
};
