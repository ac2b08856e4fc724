//! {"modules":{"lib/deep/a.js":"import { b } from \"../b.js\";\nexport const a = `a${b}`;\n","lib/b.js":"import { c } from \"../c.js\";\nexport const b = `b${c}`;\n","c.js":"export const c = \"c\";\n"}}
//= {"ended":"returned","value":"abc","files":"unchanged"}
import { a } from "./lib/deep/a.js";

export default async () => a;
