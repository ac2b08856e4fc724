//! {}
//= {"ended":"returned","value":[],"files":"unchanged"}
export default async () => {
  const found = [];
  for (const name of ["cloudflare:workers", "node:process", "node:module"]) {
    try {
      const { env, default: given } = await import(name);
      found.push(...Object.keys(env ?? {}), ...Object.keys(given?.env ?? {}));
    } catch {
      // Not there at all.
    }
  }
  return found;
};
