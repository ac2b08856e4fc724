//! {"limits":{"calls":10}}
//= {"ended":"limit","limit":"calls","files":"discarded","written":["/lost.txt"]}
export default async ({ WORKSPACE }) => {
  await WORKSPACE.writeFile("/lost.txt", "never kept");
  for (let n = 0; n < 20; n += 1) await WORKSPACE.exists("/readme.md");
  return "all were answered";
};
