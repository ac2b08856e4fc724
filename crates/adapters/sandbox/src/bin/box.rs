//! A program that is nothing but the stages of a box, for hosts that are no program of their own.

use std::process::ExitCode;

fn main() -> ExitCode {
    #[cfg(target_os = "linux")]
    let code = workspace_sandbox::stage(std::env::args_os());
    #[cfg(not(target_os = "linux"))]
    let code = None;
    ExitCode::from(u8::try_from(code.unwrap_or(64)).unwrap_or(125))
}
