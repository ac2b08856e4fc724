//! {}
//= {"ended":"returned","value":[false,false,false,false,true],"files":"unchanged"}
export default async ({ WORKSPACE }) => {
  const paths = ["/docs\u2215intro.md", "/docs\uff0fintro.md", "/rеadme.md", "/names/u\u0308nïcode.txt", "/names/ünïcode.txt"];
  const found = await Promise.all(paths.map((path) => WORKSPACE.exists(path)));
  return found.map((one) => one.value);
};
