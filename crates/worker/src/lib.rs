//! The Rust half of the Worker's Durable Object: one workspace on the object's
//! SQL and on R2, behind the router of `workspace-http`. The JavaScript half is
//! in `ts/object.ts`; together they are the class `WorkspaceObject`.
//!
//! - `WorkspaceObject`: answers requests, and keeps house when an alarm rings.
//! - `Platform`: what JavaScript does for it.
//! - `Front`: answers what is for no workspace.
//! - `Rest`: a body that goes out as it is made.

#![cfg(target_arch = "wasm32")]

mod answer;
mod body;
mod front;
mod object;
mod panics;
mod platform;
mod request;

pub use answer::Rest;
pub use front::Front;
pub use object::WorkspaceObject;
pub use platform::Platform;
