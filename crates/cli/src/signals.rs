//! The signals that ask a process to end.

use std::ffi::{OsStr, OsString};
use std::future::Future;
use std::io;
use std::path::Path;
use std::process::Command;

use crate::exit::{Failure, Result, io_error};

/// SIGINT and SIGTERM, from when this is made on.
pub(crate) struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    /// Begins to listen: the signals end the process no more by themselves.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            terminate: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?,
        })
    }

    /// Waits for one of them, and returns its number.
    pub(crate) async fn next(&mut self) -> u8 {
        #[cfg(unix)]
        let terminated = self.terminate.recv();
        #[cfg(not(unix))]
        let terminated = std::future::pending::<Option<()>>();
        tokio::select! {
            _ = tokio::signal::ctrl_c() => 2,
            _ = terminated => 15,
        }
    }
}

/// Does some work that is dropped where a signal asks the process to end, so that what it
/// has begun is tidied up. It is heard whenever the work waits or yields.
pub(crate) async fn unless_ended<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let signals = Signals::new();
    let mut signals = signals.map_err(|error| io_error("listen", Path::new("signals"), error))?;
    tokio::select! {
        biased;
        signal = signals.next() => Err(Failure::Ended(signal)),
        done = work => done,
    }
}

/// Returns a shell that runs a line for a person. What the keyboard sends to all that have
/// the terminal is for what the line runs: a shell that ended by it would not wait for that.
pub(crate) fn shell(line: impl AsRef<OsStr>) -> Command {
    let mut text = OsString::from("trap : INT QUIT; ");
    text.push(line);
    let mut command = Command::new("sh");
    command.arg("-c").arg(text);
    command
}

/// Waits for SIGTERM; returns its number.
pub(crate) async fn terminated() -> u8 {
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(mut signal) => drop(signal.recv().await),
        // Then it ends the process by itself.
        Err(_) => std::future::pending().await,
    }
    15
}
