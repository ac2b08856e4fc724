//! The tests of the native backend.
#![allow(clippy::unwrap_used, reason = "a test fails by it")]
#![allow(clippy::print_stdout, reason = "tests talk to their children")]

mod common;
mod conformance;
mod directory;
mod handle;
mod integrity;
mod limits;
mod objects;
mod product_api;
mod source;
