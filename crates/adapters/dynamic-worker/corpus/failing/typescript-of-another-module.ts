//! {"modules":{"lib/color.ts":"export const a = 1;\nexport enum Color { Red }\n"}}
//= {"ended":"threw","name":"SyntaxError","message":"TypeScript enum is not supported in strip-only mode","module":"lib/color.ts","line":2,"files":"discarded"}
export default async () => (await import("./lib/color.ts")).a;
