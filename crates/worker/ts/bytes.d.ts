// Modules that are bytes.

declare module "*.bin" {
  const bytes: ArrayBuffer;
  export default bytes;
}
