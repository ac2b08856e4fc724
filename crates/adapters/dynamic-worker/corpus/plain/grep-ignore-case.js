//! {}
//= {"ended":"returned","value":[0,1,1],"files":"unchanged"}
export default async ({ WORKSPACE }) => {
  const count = async (options) => (await WORKSPACE.grep("HELLO,", options)).value.matches.length;
  return [await count(), await count({ ignoreCase: true }), await count({ ignoreCase: true, literal: true })];
};
