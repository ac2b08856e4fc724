//! The tests of the SQL metadata store.
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod bounds;
mod common;
mod conformance;
mod cost;
mod damage;
mod schema;
