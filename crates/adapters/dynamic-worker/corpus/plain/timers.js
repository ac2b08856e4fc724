//! {}
//= {"ended":"returned","value":["soon","later"],"files":"unchanged"}
export default async () => {
  const said = [];
  const never = setTimeout(() => said.push("never"), 5);
  clearTimeout(never);
  await Promise.all([
    new Promise((resolve) => setTimeout(() => resolve(said.push("later")), 40)),
    new Promise((resolve) => setTimeout(() => resolve(said.push("soon")), 1)),
  ]);
  return said;
};
