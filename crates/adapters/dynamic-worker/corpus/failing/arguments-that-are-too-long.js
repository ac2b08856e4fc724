//! {}
//= {"ended":"returned","value":["limit_exceeded","limit_exceeded","ok"],"files":"unchanged"}
export default async ({ WORKSPACE }) => {
  const small = new Array(140_000).fill({ a: 0 });
  const long = [{ old: "x".repeat(2 ** 20), new: "" }];
  const answers = [await WORKSPACE.edit("/readme.md", small), await WORKSPACE.edit("/readme.md", long)];
  answers.push(await WORKSPACE.readText("/readme.md"));
  return answers.map(({ status, error }) => error?.code ?? status);
};
