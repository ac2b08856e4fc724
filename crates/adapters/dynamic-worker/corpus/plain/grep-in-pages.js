//! {}
//= {"ended":"returned","value":30,"files":"unchanged"}
export default async ({ WORKSPACE }) => {
  let count = 0;
  let after;
  do {
    const { value } = await WORKSPACE.grep("^file", { path: "/many", limit: 4, after });
    count += value.matches.length;
    after = value.next;
  } while (after);
  return count;
};
