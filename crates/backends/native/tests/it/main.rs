//! The tests of the native backend.

mod common;
mod conformance;
