//! {}
//= {"ended":"returned","value":[1,1],"files":"applied","written":["/raced.bin"]}
export default async ({ WORKSPACE }) => {
  const bytes = Uint8Array.of(1, 1);
  const writing = WORKSPACE.writeFile("/raced.bin", bytes);
  bytes.fill(2);
  await writing;
  return [...(await WORKSPACE.readFile("/raced.bin")).value];
};
