//! {}
//= {"ended":"returned","value":["out_of_range","out_of_range","invalid","invalid"],"files":"unchanged"}
export default async ({ WORKSPACE }) => {
  return [
    (await WORKSPACE.list("/", { limit: 0 })).error.reason,
    (await WORKSPACE.glob("*", { limit: 10001 })).error.reason,
    (await WORKSPACE.diff({ limit: 0 })).error.code,
    (await WORKSPACE.grep("a", { limit: -1 })).error.code,
  ];
};
