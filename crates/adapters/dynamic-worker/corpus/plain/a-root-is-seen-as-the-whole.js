//! {"scope":{"root":"/docs","read":["**"],"write":["**"],"delete":true}}
//= {"ended":"returned","value":[["api","deep","guide.md","intro.md"],"/mine.md"],"files":"applied","written":["/mine.md"]}
export default async ({ WORKSPACE }) => {
  await WORKSPACE.writeFile("/mine.md", "mine");
  const names = (await WORKSPACE.list("/")).value.entries.map((entry) => entry.name);
  const [{ path }] = (await WORKSPACE.diff()).value.differences;
  return [names.filter((name) => name !== "mine.md"), path];
};
