//! {"modules":{"lib.js":"export const a = 1;\n"}}
//= {"ended":"threw","files":"discarded"}
import { a } from "./lib";

export default async () => a;
