//! {}
//= {"ended":"returned","value":["invalid","malformed_media_type"],"files":"unchanged","written":[]}
export default async ({ WORKSPACE }) => {
  const { error } = await WORKSPACE.writeFile("/page.html", "<p>", { mediaType: "html" });
  return [error.code, error.reason];
};
