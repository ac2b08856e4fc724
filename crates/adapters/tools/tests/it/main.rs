//! The tools over a real workspace, in memory.

#![allow(clippy::unwrap_used, reason = "tests")]

mod bad;
mod caps;
mod claims;
mod execution;
mod once;
mod part;
mod repairs;
mod shapes;
mod support;
mod table;
