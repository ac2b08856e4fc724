//! {}
//= {"ended":"returned","value":{"path":"/text/empty.txt","kind":"file","size":0,"executable":false,"content":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","time":true},"files":"unchanged"}
export default async ({ WORKSPACE }) => {
  const { path, entry } = (await WORKSPACE.stat("/text/empty.txt")).value;
  const { kind, size, executable, content, modified } = entry;
  return { path, kind, size, executable, content, time: Number.isInteger(modified) };
};
