//! {}
//= {"ended":"returned","value":{"isBytes":true,"length":9,"first":[108,101,97,102]},"files":"unchanged"}
export default async ({ WORKSPACE }) => {
  const { value } = await WORKSPACE.readFile("/docs/deep/er/est/leaf.bin");
  return { isBytes: value instanceof Uint8Array, length: value.length, first: [...value.slice(0, 4)] };
};
