//! {}
//= {"ended":"returned","value":["not_a_file","not_a_file","not_found","not_a_directory","not_found",false],"files":"unchanged","written":[]}
export default async ({ WORKSPACE }) => {
  const told = [
    await WORKSPACE.readText("/links/outside"),
    await WORKSPACE.readText("/links/inside"),
    await WORKSPACE.readText("/links/dir/intro.md"),
    await WORKSPACE.writeFile("/links/dir/new.md", "x"),
    await WORKSPACE.delete("/links/dir/intro.md"),
  ];
  const inside = await WORKSPACE.exists("/links/dir/intro.md");
  return [...told.map(({ error }) => error.reason ?? error.code), inside.value];
};
