//! {}
//= {"ended":"returned","value":[".config",".hidden","bin","data","docs","empty","links","many","names","private","readme.md","src","text"],"files":"unchanged"}
export default async ({ WORKSPACE }) => {
  const { value } = await WORKSPACE.list();
  return value.entries.map((entry) => entry.name);
};
