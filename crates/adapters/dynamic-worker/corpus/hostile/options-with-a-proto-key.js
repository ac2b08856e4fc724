//! {}
//= {"ended":"returned","value":["malformed_argument",30],"files":"unchanged"}
export default async ({ WORKSPACE }) => {
  const own = JSON.parse("{\"__proto__\":{\"limit\":1}}");
  const refused = await WORKSPACE.list("/many", own);
  const inherited = await WORKSPACE.list("/many", Object.create({ limit: 1 }));
  return [refused.error.reason, inherited.value.entries.length];
};
