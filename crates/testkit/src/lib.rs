//! What the tests of every crate stand on.
//!
//! - [`MemoryMeta`], [`MemoryBlobs`]: stores in memory that are stricter than any
//!   real one. A broken rule of the caller is a panic there, not a surprise later.
//! - [`conformance`]: what [`workspace_core::store`] promises, as plain functions
//!   over the traits. They know no runtime, so that every backend calls them where
//!   it lives.
//! - [`FaultyMeta`], [`FaultyBlobs`]: stores that fail or crash at a chosen call,
//!   directed by a [`FaultPlan`].
//! - [`LimitedConn`]: SQLite with the limits of a Durable Object.
//! - [`model`]: a reference model of the whole facade, random runs of both over
//!   any [`Storage`] with or without faults, and a crash at every store call.
//! - [`interleave`]: many tasks over one workspace at once, in an order that a seed
//!   repeats.
//! - [`strategies`]: proptest strategies for names, paths, entries and trees.
//! - [`TestContext`], [`Random`]: time and chance that a seed repeats; [`seeds`] are those
//!   that a run is asked for.
//!
//! ```
//! use workspace_testkit::{MemoryMeta, conformance};
//!
//! conformance::meta::all(&MemoryMeta::new());
//! ```

/// The program of the README, which is compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub mod conformance;
mod context;
mod fault;
pub mod interleave;
mod limited;
mod memory;
pub mod model;
mod random;
mod storage;
#[cfg(not(target_arch = "wasm32"))]
pub mod strategies;
mod turn;

pub use context::TestContext;
pub use fault::{FaultPlan, FaultyBlobs, FaultyMeta};
pub use limited::LimitedConn;
pub use memory::{MemoryBlobs, MemoryMeta};
pub use random::{Random, seeds};
pub use storage::{MemoryStorage, SqlStorage, Storage};
pub use turn::pass;
