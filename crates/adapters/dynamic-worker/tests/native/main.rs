//! The host in wasmtime. A hostile program ends at its limit; `TIMED=1` compares with the
//! clock too, which needs a machine that does nothing else.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::needless_range_loop,
    reason = "tests"
)]

mod component;
mod corpus;
#[path = "../it/fixture.rs"]
mod fixture;
mod javascript;
#[cfg(unix)]
mod kills;
mod limits;
mod modules;
mod orders;
mod runs;
#[path = "../it/sequence.rs"]
mod sequence;
mod sequences;
mod support;
