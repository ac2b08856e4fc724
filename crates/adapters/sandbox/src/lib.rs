//! A working copy as files in a sandbox: shown, captured, reconciled. See `docs/sandbox.md`.
//!
//! - [`Host`]: a sandbox: files below a root, commands, a way to hold still. It keeps no copy and
//!   decides nothing.
//! - [`Sandbox`]: a copy attached to a host: plan, reconcile, refresh, run.
//! - [`Plan`]: what a capture found, each [`Step`] with what it leads to, and what is
//!   [`Ignored`] or [`Refused`].
//!
//! - `Native`, with the feature `native`: a sandbox on this machine: an overlay over a file system that
//!   fetches files when they are looked at, and a box of namespaces for each command.
//!
//! What a host's files are compared with is the tree that they were made of, so a plan
//! tells what was changed there, whatever became of the copy meanwhile.

/// The program of the README, which is compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod capture;
mod command;
mod host;
#[cfg(all(feature = "native", target_os = "linux"))]
mod native;
mod plan;
mod reconcile;
mod sandbox;

pub use capture::CaptureLimits;
pub use command::{Command, Ended, Exit, Network, Output};
pub use host::{Host, HostEntry, HostFile, HostKind, Layer, Marks, Showing, Stamp};
#[cfg(all(feature = "native", target_os = "linux"))]
pub use native::{Files, Native, NativeOptions, Probed, Way, stage};
pub use plan::{Ignored, Leaf, Plan, Refused, Step, What};
pub use reconcile::Reconciled;
pub use sandbox::{Refreshed, Sandbox};
