//! {}
//= {"ended":"returned","value":["space\n","quotes\n","hidden\n","unicode name\n"],"files":"unchanged"}
export default async ({ WORKSPACE }) => {
  const texts = [];
  for (const path of ["/names/with space.txt", "/names/quote\"s.txt", "/.hidden", "/names/ünïcode.txt"]) {
    texts.push((await WORKSPACE.readText(path)).value);
  }
  return texts;
};
