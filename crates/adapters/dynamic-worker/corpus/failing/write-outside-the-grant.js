//! {"scope":{"read":["**"],"write":["/docs/**"],"delete":true}}
//= {"ended":"returned","value":["denied","/readme.md","denied","denied"],"files":"unchanged","written":[],"denied":[["edit","/readme.md"],["mkdir","/made"],["writeFile","/readme.md"]]}
export default async ({ WORKSPACE }) => {
  const { error } = await WORKSPACE.writeFile("/readme.md", "x");
  const edited = await WORKSPACE.edit("/readme.md", [{ old: "Hello", new: "Bye" }]);
  const made = await WORKSPACE.mkdir("/made");
  return [error.code, error.path, edited.error.code, made.error.code];
};
