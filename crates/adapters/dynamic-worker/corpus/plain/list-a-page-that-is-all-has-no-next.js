//! {}
//= {"ended":"returned","value":[30,false],"files":"unchanged"}
export default async ({ WORKSPACE }) => {
  const { value } = await WORKSPACE.list("/many", { limit: 30 });
  return [value.entries.length, "next" in value];
};
