//! {}
//= {"ended":"returned","value":true,"files":"applied","written":["/bin/run.sh"]}
export default async ({ WORKSPACE }) => {
  await WORKSPACE.writeFile("/bin/run.sh", "#!/bin/sh\necho bye\n");
  return (await WORKSPACE.stat("/bin/run.sh")).value.entry.executable;
};
