//! {}
//= {"ended":"returned","value":["ok","directory"],"files":"applied","written":["/x","/x/y","/x/y/z"]}
export default async ({ WORKSPACE }) => {
  const made = await WORKSPACE.mkdir("/x/y/z");
  return [made.status, (await WORKSPACE.stat("/x/y/z")).value.entry.kind];
};
