//! The contract, over stores in memory.

#![allow(clippy::unwrap_used, reason = "tests")]

mod access;
mod bad_input;
mod client;
mod copies;
mod events;
mod faults;
mod files;
mod grants;
mod once;
mod origins;
mod pages;
mod passage;
mod previews;
mod search;
mod server;
mod transfer;
mod trees;
