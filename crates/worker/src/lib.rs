//! The Rust half of the Worker's Durable Object: one workspace on the object's
//! SQL and on R2, behind the router of `workspace-http`. The JavaScript half is
//! in `ts/object.ts`; together they are the class `WorkspaceObject`.
//!
//! A Worker in Rust links this crate, and so has `WorkspaceObject` in its own wasm beside
//! its own `#[durable_object]` and `#[event(fetch)]`; the JavaScript half takes that wasm
//! as its own (`ts/author.ts`). `examples/guestbook` is such a Worker.
//!
//! - `client`, `StubTransport`: a workspace behind the stub of its object, for a Worker
//!   in Rust.
//! - `WorkspaceObject`: answers requests, and keeps house when an alarm rings.
//! - `Platform`: what JavaScript does for it.
//! - `Front`: answers what is for no workspace.
//! - `Running`: a run of delegated code, which JavaScript executes.
//! - `Rest`: a body that goes out as it is made.

#![cfg(target_arch = "wasm32")]

mod answer;
mod body;
mod front;
mod object;
mod panics;
mod platform;
mod request;
#[cfg(feature = "delegated")]
mod run;
mod stub;

pub use answer::Rest;
pub use front::Front;
pub use object::WorkspaceObject;
pub use platform::Platform;
#[cfg(feature = "delegated")]
pub use run::Running;
pub use stub::{StubTransport, client};
