//! {"limits":{"value":1000}}
//= {"ended":"limit","limit":"value","files":"discarded","written":["/lost.txt"]}
export default async ({ WORKSPACE }) => {
  await WORKSPACE.writeFile("/lost.txt", "never kept");
  return "x".repeat(2000);
};
