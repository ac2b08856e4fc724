//! {"limits":{"millis":400}}
//= {"ended":"limit","limit":"time","files":"discarded","written":["/lost.txt"]}
export default async ({ WORKSPACE }) => {
  await WORKSPACE.writeFile("/lost.txt", "never kept");
  for (;;);
};
