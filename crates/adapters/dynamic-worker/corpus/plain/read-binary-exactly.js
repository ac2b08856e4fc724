//! {}
//= {"ended":"returned","value":[137,80,78,71,13,10,26,10,0,255,254],"files":"unchanged"}
export default async ({ WORKSPACE }) => {
  const { value } = await WORKSPACE.readFile("/bin/image.bin");
  return Array.from(value);
};
