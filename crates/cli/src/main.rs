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
    // A box executes this program anew, for what has to be done within.
    #[cfg(all(feature = "exec", target_os = "linux"))]
    if let Some(code) = workspace_sandbox::stage(std::env::args_os()) {
        return ExitCode::from(u8::try_from(code).unwrap_or(125));
    }
    ExitCode::from(run::main())
}
