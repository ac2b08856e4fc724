//! {}
//= {"ended":"returned","value":{"cut":"A \ufffd","n\ufffd":["\ufffd\ufffd","😀","\\ud83d"]},"files":"applied","written":["/cut.txt"]}
export default async ({ WORKSPACE }) => {
  const title = "A 😀".slice(0, 3);
  await WORKSPACE.writeFile("/cut.txt", title);
  return { cut: title, "n\ude00": ["\ud83d\ud83d", "😀", "\\ud83d"] };
};
