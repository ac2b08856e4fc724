//! {}
//= {"ended":"returned","value":["readFile not_found /no","readText not_found /no","stat not_found /no","list not_found /no","edit not_found /no","delete not_found /no","glob not_found /no","grep not_found /no","move not_found /no","copy not_found /no"],"files":"unchanged","denied":[]}
export default async ({ WORKSPACE: ws }) => {
  const edits = [{ old: "a", new: "b" }];
  const calls = {
    readFile: ["/no"], readText: ["/no"], stat: ["/no"], list: ["/no"], edit: ["/no", edits], delete: ["/no"],
    glob: ["*", { path: "/no" }], grep: ["a", { path: "/no" }], move: ["/no", "/to"], copy: ["/no", "/to"],
  };
  const told = [];
  for (const [name, given] of Object.entries(calls)) {
    const { error } = await ws[name](...given);
    told.push(`${name} ${error.code} ${error.path}`);
  }
  return told;
};
