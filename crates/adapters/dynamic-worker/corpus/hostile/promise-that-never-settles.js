//! {}
//= {"ended":"threw","name":"Error","message":"the program waits for what cannot happen","files":"discarded","written":["/lost.txt"]}
export default async ({ WORKSPACE }) => {
  await WORKSPACE.writeFile("/lost.txt", "never kept");
  await new Promise(() => {});
};
