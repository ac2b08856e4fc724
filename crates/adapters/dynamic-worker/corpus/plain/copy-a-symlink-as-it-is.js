//! {}
//= {"ended":"returned","value":{"kind":"symlink","target":"/../etc/passwd"},"files":"applied","written":["/outside"]}
export default async ({ WORKSPACE }) => {
  await WORKSPACE.copy("/links/outside", "/outside");
  const { kind, target } = (await WORKSPACE.stat("/outside")).value.entry;
  return { kind, target };
};
