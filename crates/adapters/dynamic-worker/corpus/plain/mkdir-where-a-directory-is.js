//! {}
//= {"ended":"returned","value":["ok","ok"],"files":"unchanged","written":[]}
export default async ({ WORKSPACE }) => {
  return [(await WORKSPACE.mkdir("/docs/api")).status, (await WORKSPACE.mkdir("/")).status];
};
