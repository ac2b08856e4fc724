//! {"scope":{"read":["/docs/**"],"write":[]}}
//= {"ended":"returned","value":"denied","files":"unchanged","denied":[["readText","/private/secret.txt"]]}
export default async (env) => {
  const { readText } = env.WORKSPACE;
  env.WORKSPACE.readText = () => "forged";
  Object.freeze(env);
  return (await readText("/private/secret.txt")).error.code;
};
