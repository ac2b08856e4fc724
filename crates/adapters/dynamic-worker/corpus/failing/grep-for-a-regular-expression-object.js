//! {}
//= {"ended":"returned","value":["invalid","malformed_argument"],"files":"unchanged"}
export default async ({ WORKSPACE }) => {
  const { error } = await WORKSPACE.grep(/hello/i);
  return [error.code, error.reason];
};
