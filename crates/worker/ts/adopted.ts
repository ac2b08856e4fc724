// The Worker's own wasm, for whoever brings none.

import * as bindings from "./bindings.js";
import { adopt } from "./rust.mjs";

adopt(bindings);
