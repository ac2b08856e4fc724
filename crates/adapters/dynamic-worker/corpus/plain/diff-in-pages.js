//! {}
//= {"ended":"returned","value":[["/p0","/p1"],["/p2","/p3"],["/p4"]],"files":"applied","written":["/p0","/p1","/p2","/p3","/p4"]}
export default async ({ WORKSPACE }) => {
  for (let n = 0; n < 5; n += 1) await WORKSPACE.writeFile(`/p${n}`, `${n}`);
  const pages = [];
  let after;
  do {
    const { value } = await WORKSPACE.diff({ limit: 2, after });
    pages.push(value.differences.map((one) => one.path));
    after = value.next;
  } while (after);
  return pages;
};
