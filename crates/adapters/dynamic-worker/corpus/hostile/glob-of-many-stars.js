//! {}
//= {"ended":"returned","value":[0,"malformed_glob"],"files":"unchanged"}
export default async ({ WORKSPACE }) => {
  const worst = `${"**/*a*/".repeat(15)}**/*a*b`;
  const none = await WORKSPACE.glob(worst);
  const more = await WORKSPACE.glob("**/a/".repeat(17) + "a");
  return [none.value.entries.length, more.error.reason];
};
