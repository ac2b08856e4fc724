//! {"scope":{"read":["/docs/**"],"write":[]}}
//= {"ended":"returned","value":[0,0],"files":"unchanged","denied":[]}
export default async ({ WORKSPACE }) => {
  const grep = await WORKSPACE.grep("secret");
  const glob = await WORKSPACE.glob("secret.txt");
  return [grep.value.matches.length, glob.value.entries.length];
};
