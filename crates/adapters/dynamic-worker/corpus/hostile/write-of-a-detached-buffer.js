//! {}
//= {"ended":"returned","value":"done","files":"unchanged","written":[]}
export default async ({ WORKSPACE }) => {
  const buffer = new ArrayBuffer(8);
  buffer.transfer();
  try {
    await WORKSPACE.writeFile("/detached.bin", buffer);
  } catch {
    // An error is as well as an answer: nothing is written.
  }
  return "done";
};
