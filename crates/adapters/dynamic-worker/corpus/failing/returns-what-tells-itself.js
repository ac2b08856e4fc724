//! {}
//= {"ended":"returned","value":{"seen":"key","nested":[1]},"files":"unchanged"}
export default async () => ({
  seen: { toJSON: (key) => (key === "seen" ? "key" : key) },
  nested: { toJSON: () => [{ toJSON: () => 1 }] },
});
