//! {}
//= {"ended":"returned","value":{"status":"ok","value":null},"files":"applied","written":["/new.txt"]}
export default async ({ WORKSPACE }) => {
  return WORKSPACE.writeFile("/new.txt", "new\n");
};
