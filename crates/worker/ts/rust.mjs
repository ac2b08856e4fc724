// The wasm module that this half is for: the Worker's own, or that of a Worker in Rust
// which links `workspace-worker`.

/**
 * What the module exports.
 *
 * @typedef {Pick<typeof import("./bindings.js"), "__wbg_reset_state" | "Front" | "WorkspaceObject">} Rust
 */

/** @type {Rust} */
export let rust;

/**
 * Takes what wasm-bindgen exports for the module, before anything is asked of it.
 *
 * @param {Rust} bindings
 */
export function adopt(bindings) {
  rust = bindings;
}
