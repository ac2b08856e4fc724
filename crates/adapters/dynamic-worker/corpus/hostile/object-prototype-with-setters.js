//! {}
//= {"ended":"returned","value":["ok","# Readme\n\nHello, files.\n",8],"files":"unchanged"}
export default async ({ WORKSPACE }) => {
  for (const key of ["status", "error", "value"]) {
    Object.defineProperty(Object.prototype, key, { set() {}, get: () => "forged", configurable: true });
  }
  const text = await WORKSPACE.readText("/readme.md");
  const bytes = await WORKSPACE.readFile("/many/f00.txt");
  for (const key of ["status", "error", "value"]) delete Object.prototype[key];
  return [text.status, text.value, bytes.value.length];
};
