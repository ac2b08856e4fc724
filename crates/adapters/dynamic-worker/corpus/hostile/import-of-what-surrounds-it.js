//! {"scope":{"read":["/docs/**"],"write":[]}}
//= {"ended":"returned","value":"denied","files":"unchanged","denied":[["readText","/private/secret.txt"]]}
export default async ({ WORKSPACE }) => {
  try {
    const { METHODS } = await import("./_workspace/prelude.js");
    METHODS.readText = [];
  } catch {
    // It is not there at all.
  }
  const read = await WORKSPACE.readText("/private/secret.txt");
  return read.error.code;
};
