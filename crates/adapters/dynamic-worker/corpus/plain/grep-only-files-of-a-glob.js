//! {}
//= {"ended":"returned","value":["/docs/guide.md:3","/docs/intro.md:1"],"files":"unchanged"}
export default async ({ WORKSPACE }) => {
  const { value } = await WORKSPACE.grep("[Ii]ntro", { glob: "*.md" });
  return value.matches.map(({ path, line }) => `${path}:${line}`);
};
