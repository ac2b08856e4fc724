//! {}
//= {"ended":"returned","value":[0,7,0,255],"files":"applied","written":["/buffer.bin"]}
export default async ({ WORKSPACE }) => {
  const buffer = new ArrayBuffer(4);
  const bytes = new Uint8Array(buffer);
  bytes[1] = 7;
  bytes[3] = 255;
  await WORKSPACE.writeFile("/buffer.bin", buffer);
  return Array.from((await WORKSPACE.readFile("/buffer.bin")).value);
};
