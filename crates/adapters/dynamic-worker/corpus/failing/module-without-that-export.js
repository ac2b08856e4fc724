//! {"modules":{"lib.js":"export const a = 1;\n"}}
//= {"ended":"threw","name":"SyntaxError","files":"discarded"}
import { b } from "./lib.js";

export default async () => b;
