//! {}
//= {"ended":"returned","value":{"entries":[]},"files":"unchanged"}
export default async ({ WORKSPACE }) => {
  return (await WORKSPACE.list("/empty")).value;
};
