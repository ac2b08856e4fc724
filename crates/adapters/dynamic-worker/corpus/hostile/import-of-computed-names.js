//! {"modules":{"own.js":"export default \"own\";\n"}}
//= {"ended":"returned","value":["own","refused","refused","refused","refused","refused"],"files":"unchanged"}
const urls = ["https://example.com/x.js", "file:///etc/passwd", "data:text/javascript,export default 1", "/etc/passwd", "../../x.js"];

export default async () => {
  const told = [];
  for (const name of [`./${"own"}.js`, ...urls]) {
    try {
      told.push((await import(name)).default);
    } catch {
      told.push("refused");
    }
  }
  return told;
};
