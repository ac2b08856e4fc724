//! The command from the outside: it is run as people and programs run it.

#![allow(clippy::unwrap_used, reason = "tests")]

mod bad_input;
mod checkout;
mod commands;
mod disks;
#[cfg(all(feature = "exec", target_os = "linux"))]
mod exec;
#[cfg(feature = "run")]
mod execute;
mod export;
mod git_apply;
#[cfg(feature = "github")]
mod github;
mod hostile;
mod import;
mod newcomer;
mod patches;
mod processes;
mod remote;
mod serve;
mod support;
mod terminal;
mod texts;
