//! {"modules":{"late.js":"export const late = \"late\";\n"}}
//= {"ended":"returned","value":"late","files":"unchanged"}
export default async () => {
  const { late } = await import("./late.js");
  return late;
};
