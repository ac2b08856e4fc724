//! {}
//= {"ended":"returned","value":{"a":1,"text":"# Readme\n\nHello, files.\n"},"files":"unchanged"}
JSON.stringify = () => "{\"forged\":true}";
JSON.parse = () => ({ forged: true });

export default async ({ WORKSPACE }) => {
  return { a: 1, text: (await WORKSPACE.readText("/readme.md")).value };
};
