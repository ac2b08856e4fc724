//! {}
//= {"ended":"returned","value":"# Readme\n\nHello, files.\n","files":"unchanged"}
export default async ({ WORKSPACE }) => {
  const { value } = await WORKSPACE.readText("/readme.md", { path: "/private/secret.txt" });
  return value;
};
