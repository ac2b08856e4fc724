//! {}
//= {"ended":"returned","value":{"reason":"malformed_argument","named":true},"files":"unchanged","written":[]}
export default async ({ WORKSPACE }) => {
  const { error } = await WORKSPACE.writeFile("/a.txt", "x", { create_parents: true });
  return { reason: error.reason, named: error.message.includes("`create_parents`") };
};
