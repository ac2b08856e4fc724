//! {}
//= {"ended":"returned","value":["/many/f27.txt","/many/f28.txt","/many/f29.txt"],"files":"unchanged"}
async function* files(workspace, path) {
  for (let after; ; ) {
    const { value } = await workspace.list(path, { after, limit: 10 });
    for (const { name } of value.entries) yield `${path}/${name}`;
    if (!(after = value.next)) return;
  }
}

export default async ({ WORKSPACE }) => {
  const found = [];
  for await (const path of files(WORKSPACE, "/many")) found.push(path);
  return found.slice(-3);
};
