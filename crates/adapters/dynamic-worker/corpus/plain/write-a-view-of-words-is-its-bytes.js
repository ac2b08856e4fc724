//! {}
//= {"ended":"returned","value":[1,2,255,0],"files":"applied","written":["/words.bin"]}
export default async ({ WORKSPACE }) => {
  await WORKSPACE.writeFile("/words.bin", Uint16Array.of(0x0201, 0x00ff));
  return Array.from((await WORKSPACE.readFile("/words.bin")).value);
};
