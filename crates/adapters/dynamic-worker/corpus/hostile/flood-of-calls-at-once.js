//! {"limits":{"calls":50}}
//= {"ended":"limit","limit":"calls","files":"discarded"}
export default async ({ WORKSPACE }) => {
  const all = Array.from({ length: 500 }, () => WORKSPACE.stat("/readme.md"));
  return (await Promise.allSettled(all)).length;
};
