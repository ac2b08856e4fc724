//! {}
//= {"ended":"returned","value":{"bytes":240,"first":"file 00\n","last":"file 29\n"},"files":"unchanged"}
export default async ({ WORKSPACE }) => {
  const { entries } = (await WORKSPACE.list("/many")).value;
  const read = await Promise.all(entries.map(({ name }) => WORKSPACE.readText(`/many/${name}`)));
  const texts = read.map((one) => one.value);
  return { bytes: texts.join("").length, first: texts[0], last: texts.at(-1) };
};
