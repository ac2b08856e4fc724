// The Worker: what is in Rust, put together with the JavaScript half of a workspace.

import { adopt, entry, objectOf } from "workspace-worker/rust";
import * as bindings from "./dist/bindings.js";

adopt(bindings);

export { WorkspaceObject } from "workspace-worker/rust";
export const Desk = objectOf("Desk");
export default entry;
