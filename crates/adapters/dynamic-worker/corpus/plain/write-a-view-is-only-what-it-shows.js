//! {}
//= {"ended":"returned","value":[3,4],"files":"applied","written":["/view.bin"]}
export default async ({ WORKSPACE }) => {
  const whole = Uint8Array.of(1, 2, 3, 4, 5);
  await WORKSPACE.writeFile("/view.bin", whole.subarray(2, 4));
  return Array.from((await WORKSPACE.readFile("/view.bin")).value);
};
