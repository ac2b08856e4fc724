//! {"modules":{"lib.js":"export const twice = (n) => n * 2;\nexport default \"the library\";\n"}}
//= {"ended":"returned","value":[42,"the library"],"files":"unchanged"}
import library, { twice } from "./lib.js";

export default async () => [twice(21), library];
