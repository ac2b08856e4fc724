//! {}
//= {"ended":"returned","value":[false,"# Readme\n\nHello, files.\n"],"files":"applied","written":["/docs/read me.md","/readme.md"]}
export default async ({ WORKSPACE }) => {
  await WORKSPACE.move("/readme.md", "/docs/read me.md");
  return [(await WORKSPACE.exists("/readme.md")).value, (await WORKSPACE.readText("/docs/read me.md")).value];
};
