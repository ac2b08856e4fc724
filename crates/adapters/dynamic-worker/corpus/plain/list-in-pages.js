//! {}
//= {"ended":"returned","value":{"sizes":[7,7,7,7,2],"first":"f00.txt","last":"f29.txt"},"files":"unchanged"}
export default async ({ WORKSPACE }) => {
  const names = [];
  const sizes = [];
  let after;
  do {
    const { value } = await WORKSPACE.list("/many", { limit: 7, after });
    names.push(...value.entries.map((entry) => entry.name));
    sizes.push(value.entries.length);
    after = value.next;
  } while (after !== undefined);
  return { sizes, first: names[0], last: names.at(-1) };
};
