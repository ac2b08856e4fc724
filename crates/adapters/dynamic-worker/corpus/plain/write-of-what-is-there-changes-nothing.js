//! {}
//= {"ended":"returned","value":"ok","files":"unchanged","written":[]}
export default async ({ WORKSPACE }) => {
  const { value } = await WORKSPACE.readFile("/bin/image.bin");
  const written = await WORKSPACE.writeFile("/bin/image.bin", value);
  return written.status;
};
