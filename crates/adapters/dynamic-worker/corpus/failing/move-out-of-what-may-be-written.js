//! {"scope":{"read":["**"],"write":["/docs/**"],"delete":true}}
//= {"ended":"returned","value":["denied","denied","denied"],"files":"unchanged","written":[],"denied":[["copy","/docs/intro.md"],["move","/docs/intro.md"],["move","/readme.md"]]}
export default async ({ WORKSPACE }) => {
  const told = [
    await WORKSPACE.move("/docs/intro.md", "/intro.md"),
    await WORKSPACE.move("/readme.md", "/docs/readme.md"),
    await WORKSPACE.copy("/docs/intro.md", "/intro.md"),
  ];
  return told.map(({ error }) => error.code);
};
