//! {}
//= {"files":"discarded","written":["/lost.txt"]}
export default async ({ WORKSPACE }) => {
  await WORKSPACE.writeFile("/lost.txt", "never kept");
  const deeper = () => [deeper()];
  return deeper();
};
