//! How a run ends: exit codes, and how failures are told.

use std::error::Error as _;
use std::io;
use std::path::Path;

use serde::Serialize;
use workspace_core::{Error, ErrorKind, Reason, Sought};

use crate::session::REACH;

/// Shown at the end of `--help`; the numbers are those of [`code`].
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
   0  done
   1  nothing found (grep), problems found (fsck), conflicts or what stays as it is (sync)
   2  invalid input or usage           11  changed since it was read
   3  not found                        12  the copy is closed
   4  already exists                   13  a limit was exceeded
   5  not a directory                  14  the storage is full
   6  is a directory                   15  locked by another process
   7  directory not empty              16  unsupported
   8  denied                           17  stored data is corrupt
   9  read-only                        18  the source failed
  10  conflict                         19  the storage or a file failed
 130  interrupted, after tidying up (export, sync, an editor)
 141  nobody reads the output any more
 143  terminated, after tidying up (export, sync)

With --json a failure is {\"error\": {code, reason, what, operation, path, message, hint}}
on standard error, and standard output stays empty or unfinished.";

/// How a run ends that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// What was asked for is done.
    Done,
    /// It was looked for and is not there, or a check found problems.
    Negative,
    /// A command was run, and this is its exit code.
    #[cfg_attr(not(all(feature = "exec", target_os = "linux")), expect(dead_code))]
    Command(u8),
}

impl Outcome {
    /// Returns the exit code.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Negative => 1,
            Self::Command(code) => code,
        }
    }
}

/// Returns the exit code of an error.
pub(crate) fn code(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Invalid => 2,
        ErrorKind::NotFound => 3,
        ErrorKind::AlreadyExists => 4,
        ErrorKind::NotADirectory => 5,
        ErrorKind::IsADirectory => 6,
        ErrorKind::NotEmpty => 7,
        ErrorKind::Denied => 8,
        ErrorKind::ReadOnly => 9,
        ErrorKind::Conflict => 10,
        ErrorKind::Stale => 11,
        ErrorKind::Closed => 12,
        ErrorKind::LimitExceeded => 13,
        ErrorKind::StorageFull => 14,
        ErrorKind::Locked => 15,
        ErrorKind::Unsupported => 16,
        ErrorKind::Corrupt => 17,
        ErrorKind::Source => 18,
        ErrorKind::Unavailable => 19,
    }
}

/// Why a run failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// An error, and what to do next where the command knows better than
    /// [`hint_of`].
    Error {
        /// What went wrong.
        error: Error,
        /// What to do next.
        hint: Option<String>,
    },
    /// Nobody reads the output any more: the end of a pipe, no error to tell.
    ClosedPipe,
    /// The signal of this number asked the process to end, and what it had begun is
    /// tidied up.
    Ended(u8),
}

/// The result of a command.
pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error { error, hint: None }
    }
}

impl Failure {
    /// Returns the exit code.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Error { error, .. } => code(error.kind()),
            // What a shell reports for a process that SIGPIPE ended.
            Self::ClosedPipe => 141,
            // And for any other signal.
            Self::Ended(signal) => 128 + signal,
        }
    }

    /// Returns what to do next, where there is something to be said.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Error { error, hint } => hint.clone().or_else(|| hint_of(error)),
            Self::ClosedPipe | Self::Ended(_) => None,
        }
    }
}

/// Adds what to do next to an error.
pub(crate) trait Hinted<T> {
    /// Adds the hint that `hint` makes of the error, if it makes one.
    fn hinted(self, hint: impl FnOnce(&Error) -> Option<String>) -> Result<T>;
}

impl<T> Hinted<T> for workspace_core::Result<T> {
    fn hinted(self, hint: impl FnOnce(&Error) -> Option<String>) -> Result<T> {
        self.map_err(|error| Failure::Error {
            hint: hint(&error),
            error,
        })
    }
}

/// Turns a failure of the file system around the workspace into an error.
pub(crate) fn io_error(operation: &'static str, path: &Path, error: io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::NotFound => ErrorKind::NotFound,
        io::ErrorKind::AlreadyExists => ErrorKind::AlreadyExists,
        io::ErrorKind::NotADirectory => ErrorKind::NotADirectory,
        io::ErrorKind::IsADirectory => ErrorKind::IsADirectory,
        io::ErrorKind::DirectoryNotEmpty => ErrorKind::NotEmpty,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::StorageFull,
        _ => ErrorKind::Unavailable,
    };
    Error::new(kind, operation)
        .of(Sought::Source)
        .at(path.display())
        .because(&error)
        .with_source(error)
}

/// Turns a failure to write to standard output into a failure.
pub(crate) fn output_error(error: io::Error) -> Failure {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Failure::ClosedPipe;
    }
    io_error("write", Path::new("standard output"), error).into()
}

/// A failure as `--json` shows it.
#[derive(Debug, Serialize)]
pub(crate) struct ErrorShape {
    error: ErrorBody,
}

#[derive(Debug, Serialize)]
struct ErrorBody {
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    what: Option<&'static str>,
    operation: String,
    path: Option<String>,
    message: String,
    hint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conflict: Option<ConflictShape>,
}

#[derive(Debug, Serialize)]
struct ConflictShape {
    parent: Vec<String>,
    copy: Vec<String>,
    both: Vec<String>,
}

impl ErrorShape {
    /// Shows an error.
    pub(crate) fn new(error: &Error, hint: Option<String>) -> Self {
        let list =
            |list: &workspace_core::PathList| list.paths.iter().map(ToString::to_string).collect();
        Self {
            error: ErrorBody {
                code: error.kind().code(),
                reason: error.reason().map(Reason::code),
                what: error.sought().map(Sought::code),
                operation: error.operation().into(),
                path: error.subject().map(Into::into),
                message: message(error),
                hint,
                conflict: error.conflict().map(|conflict| ConflictShape {
                    parent: list(&conflict.parent),
                    copy: list(&conflict.copy),
                    both: list(&conflict.both),
                }),
            },
        }
    }

    /// Shows wrong usage, which never became a call.
    pub(crate) fn usage(message: String, hint: Option<String>) -> Self {
        let help = || "`workspace help` lists the commands and their arguments".into();
        Self {
            error: ErrorBody {
                code: ErrorKind::Invalid.code(),
                reason: Some(Reason::MalformedArgument.code()),
                what: None,
                operation: "parse arguments".into(),
                path: None,
                message,
                hint: Some(hint.unwrap_or_else(help)),
                conflict: None,
            },
        }
    }
}

/// Returns the error and what is underneath it in one line. Causes that the
/// error already quotes are not repeated.
pub(crate) fn message(error: &Error) -> String {
    let mut text = match (error.kind(), error.operation(), error.subject()) {
        // Neither is about a grant, or about how anything is stored.
        (ErrorKind::Denied, "authenticate", _) => "the token is missing or wrong".into(),
        (ErrorKind::Unavailable, REACH, Some(url)) => {
            format!("cannot reach {url}: {}", error.detail().unwrap_or_default())
        }
        _ => error.to_string(),
    };
    let mut cause = error.source();
    while let Some(error) = cause {
        let underneath = error.to_string();
        if !text.contains(&underneath) {
            text = format!("{text}: {underneath}");
        }
        cause = error.source();
    }
    text
}

/// Returns what to do next after an error of any command.
fn hint_of(error: &Error) -> Option<String> {
    let text = match (error.kind(), error.operation()) {
        (ErrorKind::NotFound, "find revision" | "read revision" | "restore") => {
            "`workspace log` lists the revisions"
        }
        (ErrorKind::NotFound, "find copy") => "`workspace copies` lists the open ones",
        (ErrorKind::NotADirectory | ErrorKind::NotFound, _) => return None,
        (ErrorKind::Denied, "authenticate") => {
            "--token-file FILE, or WORKSPACE_TOKEN, holds what `serve` printed"
        }
        (ErrorKind::ReadOnly, _) => "`workspace fork NAME` forks a copy that can be edited",
        (ErrorKind::Closed, _) => {
            "`workspace fork` forks another; `workspace copies --all` shows the closed ones"
        }
        (ErrorKind::StorageFull, "export") => {
            "free some room where the target is, and repeat the command"
        }
        (ErrorKind::StorageFull, _) => {
            "nothing was lost; free some room, or run `workspace collect`, and repeat the command"
        }
        (ErrorKind::Locked, _) => "wait until the other process is done, or end it",
        (ErrorKind::Unsupported, _) => "a newer version of this command may know it",
        (ErrorKind::Corrupt, _) => "`workspace fsck --contents` shows what is damaged",
        (ErrorKind::Source, _) => "nothing was published; repair the source and import it again",
        (ErrorKind::Stale, _) => "look at it again, and repeat the command with what is there now",
        (ErrorKind::IsADirectory, "remove") | (ErrorKind::NotEmpty, "remove") => {
            "`--recursive` removes a directory with everything in it"
        }
        (ErrorKind::IsADirectory, "read") => "`workspace ls` lists a directory",
        (ErrorKind::AlreadyExists, "rename" | "copy") => {
            "`--replace` puts it in place of what is there"
        }
        _ => return None,
    };
    Some(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_code_of_its_own_that_the_help_names() {
        let codes: std::collections::BTreeSet<u8> = ErrorKind::ALL.map(code).into();
        assert_eq!(codes.len(), ErrorKind::ALL.len());
        assert!(codes.is_disjoint(&[0, 1, 130, 141, 143].into()));
        for code in codes {
            let words: Vec<&str> = EXIT_CODES.split_whitespace().collect();
            assert!(words.contains(&code.to_string().as_str()), "{code}");
        }
    }

    #[test]
    fn a_closed_pipe_is_no_error_to_tell() {
        let failure = output_error(io::ErrorKind::BrokenPipe.into());
        assert!(matches!(failure, Failure::ClosedPipe));
        assert_eq!(output_error(io::ErrorKind::StorageFull.into()).code(), 14);
    }
}
