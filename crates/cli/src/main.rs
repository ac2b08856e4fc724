//! The `workspace` command: a durable file tree on this machine.

mod args;
mod commands;
mod exit;
mod output;
mod run;
mod shapes;
mod time;

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(run::main())
}
