//! The `workspace` command: a durable file tree, on this machine or behind a URL.

mod args;
mod commands;
mod exit;
mod follow;
mod output;
mod random;
mod run;
mod session;
mod shapes;
mod signals;
mod time;
mod words;

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(run::main())
}
