//! {}
//= {"ended":"returned","value":{"path":"/text/windows.txt","line":2,"text":"two"},"files":"unchanged"}
export default async ({ WORKSPACE }) => {
  const { value } = await WORKSPACE.grep("two", { path: "/text" });
  return value.matches[0];
};
