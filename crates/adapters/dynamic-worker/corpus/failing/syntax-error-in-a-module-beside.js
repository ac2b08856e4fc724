//! {"modules":{"lib.js":"export const a = ;\n"}}
//= {"ended":"threw","name":"SyntaxError","files":"discarded"}
import { a } from "./lib.js";

export default async () => a;
