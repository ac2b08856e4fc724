//! {}
//= {"ended":"returned","value":[true,true,true,false,false],"files":"unchanged"}
export default async ({ WORKSPACE }) => {
  const paths = ["/readme.md", "/docs", "/links/outside", "/nope", "/readme.md/below"];
  const found = await Promise.all(paths.map((path) => WORKSPACE.exists(path)));
  return found.map((one) => one.value);
};
