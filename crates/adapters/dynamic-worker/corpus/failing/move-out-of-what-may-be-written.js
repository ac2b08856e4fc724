//! {"scope":{"read":["**"],"write":["/docs/**"],"delete":true}}
//= {"ended":"returned","value":["denied","denied","denied"],"files":"unchanged","written":[],"denied":[["copy",null],["move",null]]}
export default async ({ WORKSPACE }) => {
  const told = [
    await WORKSPACE.move("/docs/intro.md", "/intro.md"),
    await WORKSPACE.move("/readme.md", "/docs/readme.md"),
    await WORKSPACE.copy("/docs/intro.md", "/intro.md"),
  ];
  return told.map(({ error }) => error.code);
};
