//! {}
//= {"ended":"returned","value":"text/html; charset=utf-8","files":"applied","written":["/page.html"]}
export default async ({ WORKSPACE }) => {
  await WORKSPACE.writeFile("/page.html", "<p>", { mediaType: "text/html; charset=utf-8" });
  return (await WORKSPACE.stat("/page.html")).value.entry.mediaType;
};
