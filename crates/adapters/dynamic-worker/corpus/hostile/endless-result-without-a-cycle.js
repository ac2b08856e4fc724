//! {"limits":{"millis":1500}}
//= {"files":"discarded","written":["/lost.txt"]}
const deeper = () => ({ toJSON: () => ({ deeper: deeper() }) });

export default async ({ WORKSPACE }) => {
  await WORKSPACE.writeFile("/lost.txt", "never kept");
  return deeper();
};
