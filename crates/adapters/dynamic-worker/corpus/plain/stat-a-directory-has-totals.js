//! {}
//= {"ended":"returned","value":{"kind":"directory","files":30,"directories":0,"bytes":240},"files":"unchanged"}
export default async ({ WORKSPACE }) => {
  const { kind, files, directories, bytes } = (await WORKSPACE.stat("/many")).value.entry;
  return { kind, files, directories, bytes };
};
