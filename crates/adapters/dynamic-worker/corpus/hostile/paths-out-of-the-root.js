//! {"scope":{"root":"/docs","read":["**"],"write":["**"],"delete":true}}
//= {"ended":"returned","value":["malformed_path","malformed_path","not_found","malformed_path"],"files":"unchanged","written":[]}
export default async ({ WORKSPACE }) => {
  const told = [
    await WORKSPACE.readText("/../private/secret.txt"),
    await WORKSPACE.writeFile("/../readme.md", "x"),
    await WORKSPACE.readText("/docs/intro.md"),
    await WORKSPACE.move("/intro.md", "/../intro.md"),
  ];
  return told.map(({ error }) => error.reason ?? error.code);
};
