//! {}
//= {"ended":"returned","value":"export const one = 1;\n","files":"applied","written":["/code","/code/lib","/code/lib.rs","/code/lib/util.js","/code/main.rs","/src","/src/lib","/src/lib.rs","/src/lib/util.js","/src/main.rs"]}
export default async ({ WORKSPACE }) => {
  await WORKSPACE.move("/src", "/code");
  return (await WORKSPACE.readText("/code/lib/util.js")).value;
};
