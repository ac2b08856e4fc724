//! {}
//= {"ended":"returned","value":[1,2,3,4],"files":"applied","written":["/data-view.bin"]}
export default async ({ WORKSPACE }) => {
  const view = new DataView(new ArrayBuffer(8), 2, 4);
  view.setUint32(0, 0x01020304);
  await WORKSPACE.writeFile("/data-view.bin", view);
  return Array.from((await WORKSPACE.readFile("/data-view.bin")).value);
};
