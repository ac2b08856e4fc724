//! {}
//= {"ended":"returned","value":["error","not_empty","/data"],"files":"unchanged"}
export default async ({ WORKSPACE }) => {
  const { status, error } = await WORKSPACE.move("/many", "/data", { replace: true });
  return [status, error.code, error.path];
};
