//! {"scope":{"read":["**"],"write":["**"],"delete":false}}
//= {"ended":"returned","value":["denied","denied","denied","ok"],"files":"applied","written":["/readme.md"],"denied":[["copy","/docs/intro.md"],["delete","/readme.md"],["move","/readme.md"]]}
export default async ({ WORKSPACE }) => {
  const told = [
    await WORKSPACE.delete("/readme.md"),
    await WORKSPACE.move("/readme.md", "/other.md"),
    await WORKSPACE.copy("/docs/intro.md", "/readme.md", { replace: true }),
    await WORKSPACE.writeFile("/readme.md", "may be written"),
  ];
  return told.map((one) => one.error?.code ?? one.status);
};
