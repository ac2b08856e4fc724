//! Workspaces inside a Cloudflare Durable Object.
//!
//! - `DoSql`: the SQL of the object's storage, for
//!   [`SqlMeta`](workspace_sql::SqlMeta).
//! - `R2Blobs`: large contents in an R2 bucket, each workspace under a
//!   [`Prefix`] of its own.
//! - `chunks`: a JavaScript stream of bytes as one of Rust's.
//! - `context`: the runtime's time, and ids that order by it.
//!
//! What calls the platform exists on wasm32 only. The rest compiles everywhere,
//! so that its tests need no Worker.
//!
//! No exception of the platform passes through Rust: each is caught where it is
//! made, and becomes an [`Error`](workspace_core::Error) whose source is its text.

mod fault;
mod prefix;

#[cfg(target_arch = "wasm32")]
mod blobs;
#[cfg(target_arch = "wasm32")]
mod chunks;
#[cfg(target_arch = "wasm32")]
mod clock;
#[cfg(target_arch = "wasm32")]
mod sql;
#[cfg(target_arch = "wasm32")]
mod sys;

pub use fault::sql_error_kind;
pub use prefix::Prefix;

#[cfg(target_arch = "wasm32")]
pub use blobs::R2Blobs;
#[cfg(target_arch = "wasm32")]
pub use chunks::chunks;
#[cfg(target_arch = "wasm32")]
pub use clock::{DoClock, context};
#[cfg(target_arch = "wasm32")]
pub use sql::DoSql;
