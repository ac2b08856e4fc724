// Workspaces in a Worker of yours: export `WorkspaceObject` from it, and bind it.

import "./adopted.js";

export { previewUrl } from "./address.js";
export type { AppOptions } from "./app.js";
export { type WorkspaceEnv, WorkspaceObject } from "./object.js";
export { OpenFiles } from "./open.js";
export { all } from "./pages.js";
export {
  type Code,
  type Failure,
  type Reason,
  type Result,
  type Sought,
  unwrap,
  WorkspaceError,
} from "./result.js";
export type {
  Bindings,
  Code as Program,
  Ended,
  Outcome,
  RunLimits,
  RunOptions,
} from "./run.js";
export type * from "./types.js";
export { default as workspaces } from "./worker.js";
