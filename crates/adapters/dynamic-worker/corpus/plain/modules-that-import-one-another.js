//! {"modules":{"even.js":"import { odd } from \"./odd.js\";\nexport const even = (n) => n === 0 || odd(n - 1);\n","odd.js":"import { even } from \"./even.js\";\nexport const odd = (n) => n !== 0 && even(n - 1);\n"}}
//= {"ended":"returned","value":[true,false],"files":"unchanged"}
import { even } from "./even.js";

export default async () => [even(10), even(7)];
