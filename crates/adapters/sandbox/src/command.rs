//! Commands, and how they end.

use std::ffi::OsString;
use std::time::Duration;

use bytes::Bytes;
use derive_setters::Setters;
use workspace_core::TreePath;

/// What a command may reach over the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Network {
    /// Itself, over the loopback.
    #[default]
    Loopback,
    /// All that the host reaches.
    Host,
}

/// A command to be run.
#[derive(Debug, Clone, Default, Setters)]
#[non_exhaustive]
pub struct Command {
    /// The program, and its arguments.
    pub argv: Vec<OsString>,
    /// Variables of its environment, beside the few that the host gives it.
    pub environment: Vec<(OsString, OsString)>,
    /// The directory that it begins in; `None` for the root of the files.
    #[setters(into)]
    pub directory: Option<TreePath>,
    /// After which time it is ended, with all that it started; `None` for never.
    #[setters(into)]
    pub timeout: Option<Duration>,
    /// What it may reach.
    pub network: Network,
    /// How many bytes of each output are kept, the last ones; `None` leaves both outputs and
    /// the input to those of the calling process.
    #[setters(into)]
    pub keep: Option<usize>,
}

impl Command {
    /// Names the program and its arguments.
    pub fn new(argv: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            ..Self::default()
        }
    }
}

/// How a command came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// Its time was up.
    TimedOut,
}

/// What a command wrote to one of its outputs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Output {
    /// The last bytes of it.
    pub bytes: Bytes,
    /// How many bytes came before those.
    pub left_out: u64,
}

/// What came of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// How it came to its end.
    pub exit: Exit,
    /// Its standard output, if that was kept.
    pub stdout: Output,
    /// Its standard error, likewise.
    pub stderr: Output,
}
