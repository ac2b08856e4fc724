//! GitHub's double from this crate's side: everything over real sockets, against real
//! repositories, with `git` for an oracle.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    missing_docs,
    reason = "tests"
)]

mod changes;
mod faults;
mod hostile;
mod import;
mod large;
mod push;
mod races;
mod support;
mod tokens;
mod trees;
