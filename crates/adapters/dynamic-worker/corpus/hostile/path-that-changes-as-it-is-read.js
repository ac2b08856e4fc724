//! {"scope":{"read":["/docs/**"],"write":[]}}
//= {"ended":"returned","value":["denied",1],"files":"unchanged","denied":[["readText","/private/secret.txt"]]}
export default async ({ WORKSPACE }) => {
  let reads = 0;
  const path = { toJSON: () => (++reads === 1 ? "/private/secret.txt" : "/docs/intro.md") };
  const { error } = await WORKSPACE.readText(path);
  return [error.code, reads];
};
