//! {}
//= {"ended":"threw","name":"Error","message":"too late","line":6,"files":"discarded","written":["/new.txt","/readme.md"]}
export default async ({ WORKSPACE }) => {
  await WORKSPACE.writeFile("/new.txt", "new");
  await WORKSPACE.delete("/readme.md");
  throw new Error("too late");
};
