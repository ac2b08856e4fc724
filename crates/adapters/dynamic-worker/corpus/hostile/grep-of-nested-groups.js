//! {}
//= {"ended":"returned","value":["malformed_pattern","malformed_pattern","ok"],"files":"unchanged"}
export default async ({ WORKSPACE }) => {
  const told = [
    await WORKSPACE.grep("(".repeat(60) + "a" + ")".repeat(60)),
    await WORKSPACE.grep("(((a{50}){50}){50}){50}"),
    await WORKSPACE.grep("^(a+)+$"),
  ];
  return told.map((one) => one.error?.reason ?? one.status);
};
