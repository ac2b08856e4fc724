//! {}
//= {"ended":"returned","value":"refused","files":"unchanged"}
export default async () => {
  try {
    new WebAssembly.Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0));
    return "made";
  } catch {
    return "refused";
  }
};
