//! {}
//= {"ended":"returned","value":{"count":30,"last":"/many/f29.txt"},"files":"unchanged"}
export default async ({ WORKSPACE }) => {
  const paths = [];
  for (let after; ; ) {
    const { value } = await WORKSPACE.glob("f*.txt", { after, limit: 8 });
    paths.push(...value.entries.map((entry) => entry.path));
    if (value.next === undefined) break;
    after = value.next;
  }
  return { count: paths.length, last: paths.at(-1) };
};
