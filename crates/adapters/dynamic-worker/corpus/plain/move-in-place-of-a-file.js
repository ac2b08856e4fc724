//! {}
//= {"ended":"returned","value":"# Guide\n\nSee intro.\n","files":"applied","written":["/docs/guide.md","/docs/intro.md"]}
export default async ({ WORKSPACE }) => {
  await WORKSPACE.move("/docs/guide.md", "/docs/intro.md", { replace: true });
  return (await WORKSPACE.readText("/docs/intro.md")).value;
};
