//! {"modules":{"lib/math.mts":"import type { N } from './types.ts';\nexport const twice = (n: N): N => n * 2;\nexport type { N };\n","lib/types.ts":"export type N = number;\nexport const seven: N = 7;\n","names.json":"[\"a\"]"}}
//= {"ended":"returned","value":[14,["a"]],"files":"unchanged"}
import { type N, twice } from "./lib/math.mts";
import { seven } from "./lib/types.ts";
import names from "./names.json";

export default (): [N, string[]] => [twice(seven), names as string[]];
