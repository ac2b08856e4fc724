//! {"scope":{"read":["/docs/**"],"write":["/docs/**"],"delete":true}}
//= {"ended":"returned","value":["denied","denied","denied","denied"],"files":"unchanged","denied":[["exists","/no"],["list","/private"],["readText","/private/secret.txt"],["stat","/private/secret.txt"]]}
export default async ({ WORKSPACE }) => {
  const told = [
    await WORKSPACE.readText("/private/secret.txt"),
    await WORKSPACE.stat("/private/secret.txt"),
    await WORKSPACE.list("/private"),
    await WORKSPACE.exists("/no"),
  ];
  return told.map(({ error }) => error.code);
};
