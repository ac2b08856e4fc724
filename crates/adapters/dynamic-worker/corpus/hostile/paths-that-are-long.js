//! {}
//= {"ended":"returned","value":["path_too_long","path_too_long","ok"],"files":"applied"}
export default async ({ WORKSPACE }) => {
  const told = [
    await WORKSPACE.readText(`/${"a".repeat(5000)}`),
    await WORKSPACE.writeFile(`/${"é".repeat(128)}`, "x"),
    await WORKSPACE.writeFile(`/${"é".repeat(127)}`, "x"),
  ];
  return told.map((one) => one.error?.reason ?? one.status);
};
