//! {}
//= {"ended":"returned","value":[[195,188,240,159,145,139],"ü👋","\ufffd(",true],"files":"unchanged"}
export default async () => {
  const bytes = new TextEncoder().encode("ü👋");
  const back = new TextDecoder().decode(bytes);
  const wrong = new TextDecoder().decode(Uint8Array.of(0xc3, 0x28));
  let refused = false;
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.of(0xff));
  } catch (error) {
    refused = error.name === "TypeError";
  }
  return [[...bytes], back, wrong, refused];
};
