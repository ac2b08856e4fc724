//! {"scope":{"read":["/docs/**"],"write":["**"],"delete":true}}
//= {"ended":"returned","value":["denied","denied"],"files":"unchanged","written":[],"denied":[["copy","/private/secret.txt"],["move","/private"]]}
export default async ({ WORKSPACE }) => {
  const told = [
    await WORKSPACE.copy("/private/secret.txt", "/docs/secret.txt"),
    await WORKSPACE.move("/private", "/docs/private"),
  ];
  return told.map(({ error }) => error.code);
};
