//! {}
//= {"ended":"returned","value":[{"name":"Grace","born":1906},{"name":"Alan","born":1912}],"files":"applied","written":["/data/people.json"]}
export default async ({ WORKSPACE }) => {
  const people = JSON.parse((await WORKSPACE.readText("/data/people.json")).value);
  const changed = people.map((one) => (one.name === "Ada" ? { name: "Grace", born: 1906 } : one));
  await WORKSPACE.writeFile("/data/people.json", JSON.stringify(changed, null, 2));
  return JSON.parse((await WORKSPACE.readText("/data/people.json")).value);
};
