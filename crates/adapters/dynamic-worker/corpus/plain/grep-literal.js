//! {}
//= {"ended":"returned","value":{"matches":[{"path":"/src/main.rs","line":2,"text":"    println!(\"hi\");"}],"skipped":0,"leftOut":0},"files":"unchanged"}
export default async ({ WORKSPACE }) => {
  return (await WORKSPACE.grep("println!(", { literal: true, path: "/src" })).value;
};
