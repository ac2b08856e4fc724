//! {}
//= {"ended":"returned","value":[100,101,102,103,104,105,106,107,108,109],"files":"unchanged"}
export default async ({ WORKSPACE }) => {
  const { value } = await WORKSPACE.grep("^line 10[0-9]: \\w+$", { path: "/text" });
  return value.matches.map((found) => found.line);
};
