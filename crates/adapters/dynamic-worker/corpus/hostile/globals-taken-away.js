//! {}
//= {"ended":"returned","value":"# Readme\n\nHello, files.\n","files":"unchanged"}
for (const name of ["Object", "Array", "Promise", "JSON", "Uint8Array", "ArrayBuffer", "console"]) {
  delete globalThis[name];
}

export default async ({ WORKSPACE }) => (await WORKSPACE.readText("/readme.md")).value;
