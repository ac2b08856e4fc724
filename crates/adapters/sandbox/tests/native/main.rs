//! Sandboxes on this machine.
//!
//! Tests that need what a machine may not allow (namespaces, the overlay, FUSE) say so and
//! pass where it does not.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

mod boxes;
mod oracle;
mod rules;
mod world;
