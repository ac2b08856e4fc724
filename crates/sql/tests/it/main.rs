//! The tests of the SQL metadata store.

mod bounds;
mod common;
mod conformance;
mod cost;
mod schema;
