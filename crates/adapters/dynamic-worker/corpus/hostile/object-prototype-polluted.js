//! {}
//= {"ended":"returned","value":["invalid","already_exists"],"files":"unchanged","written":[]}
export default async ({ WORKSPACE }) => {
  Object.prototype.path = "/private/secret.txt";
  Object.prototype.replace = true;
  const read = await WORKSPACE.readText();
  const moved = await WORKSPACE.move("/docs/guide.md", "/docs/intro.md");
  delete Object.prototype.path;
  delete Object.prototype.replace;
  return [read.error.code, moved.error.code];
};
