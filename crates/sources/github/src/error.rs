//! The one error of this crate.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::time::{Duration, UNIX_EPOCH};

use workspace_core::{ErrorKind, Failure, Reason, Sought, Timestamp};

use crate::git::ObjectId;

/// The result of every fallible call in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What the caller does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The input is wrong; change it before asking again.
    Invalid,
    /// The repository, reference, commit or object is not there, or this token may not see
    /// it: GitHub does not say which.
    NotFound,
    /// The token is missing, expired, or may not do it.
    Denied,
    /// GitHub was asked too often; [`Error::retry_at`] says when to ask again.
    RateLimited,
    /// GitHub could not be reached, or failed by itself; the call may be repeated.
    Upstream,
    /// What GitHub sent ends before its end; the call may be repeated.
    Truncated,
    /// What GitHub sent is not what it should be: damaged, of another commit, or with
    /// another hash.
    Altered,
    /// A stated limit was exceeded.
    LimitExceeded,
    /// A branch is not where it was expected; nothing was pushed. The error carries a
    /// [`Moved`].
    Moved,
    /// GitHub refused a push or a pull request, and said why; nothing was changed.
    Refused,
    /// The server lacks what this needs.
    Unsupported,
}

impl Kind {
    /// Every kind, for tables that must be total.
    pub const ALL: [Self; 11] = [
        Self::Invalid,
        Self::NotFound,
        Self::Denied,
        Self::RateLimited,
        Self::Upstream,
        Self::Truncated,
        Self::Altered,
        Self::LimitExceeded,
        Self::Moved,
        Self::Refused,
        Self::Unsupported,
    ];

    fn phrase(self) -> &'static str {
        match self {
            Self::Invalid => "invalid input",
            Self::NotFound => "not found, or not to be seen with this token",
            Self::Denied => "not allowed with this token",
            Self::RateLimited => "asked too often",
            Self::Upstream => "the server failed",
            Self::Truncated => "the answer was cut off",
            Self::Altered => "the answer is not what it should be",
            Self::LimitExceeded => "limit exceeded",
            Self::Moved => "the branch has moved",
            Self::Refused => "refused",
            Self::Unsupported => "not supported by the server",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.phrase())
    }
}

/// Where a branch was expected, and where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    /// The commit that a push was made for; `None` where the branch was to be new.
    pub expected: Option<ObjectId>,
    /// Its commit now; `None` where it is gone, or the server did not tell.
    pub found: Option<ObjectId>,
}

/// A failed call: what to do next, which operation, on what, and why.
///
/// Displays as one lower-case fragment, `operation subject: kind: detail`.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: Kind,
    operation: &'static str,
    subject: Option<String>,
    detail: Option<Cow<'static, str>>,
    retry_at: Option<Timestamp>,
    moved: Option<Moved>,
}

impl Error {
    pub(crate) fn new(kind: Kind, operation: &'static str) -> Self {
        Self(Box::new(Inner {
            kind,
            operation,
            subject: None,
            detail: None,
            retry_at: None,
            moved: None,
        }))
    }

    /// What was sent is not of the form that it should have.
    pub(crate) fn malformed(operation: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Altered, operation).because(detail)
    }

    pub(crate) fn limit(operation: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::LimitExceeded, operation).because(detail)
    }

    pub(crate) fn invalid(operation: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Invalid, operation).because(detail)
    }

    pub(crate) fn moved(operation: &'static str, moved: Moved) -> Self {
        let shown = |id: Option<ObjectId>| id.map_or("nowhere".into(), |id| id.to_string());
        let detail = format!(
            "expected {}, found {}",
            shown(moved.expected),
            shown(moved.found)
        );
        let mut error = Self::new(Kind::Moved, operation).because(detail);
        error.0.moved = Some(moved);
        error
    }

    /// Names what it is about. The innermost name stays.
    #[must_use]
    pub(crate) fn at(mut self, subject: impl fmt::Display) -> Self {
        self.0.subject.get_or_insert_with(|| subject.to_string());
        self
    }

    #[must_use]
    pub(crate) fn because(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    #[must_use]
    pub(crate) fn until(mut self, time: Option<Timestamp>) -> Self {
        self.0.retry_at = time;
        self
    }

    /// Returns what the caller does next.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// Returns the operation that failed.
    pub fn operation(&self) -> &'static str {
        self.0.operation
    }

    /// Returns what it is about: a repository, a reference, an object, a path.
    pub fn subject(&self) -> Option<&str> {
        self.0.subject.as_deref()
    }

    /// Returns what was wrong, where the kind alone does not say it.
    pub fn detail(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }

    /// Returns when to ask again, for [`Kind::RateLimited`] and where a failing server said.
    pub fn retry_at(&self) -> Option<Timestamp> {
        self.0.retry_at
    }

    /// Returns where the branch is, for [`Kind::Moved`].
    pub fn as_moved(&self) -> Option<Moved> {
        self.0.moved
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.operation)?;
        if let Some(subject) = &self.0.subject {
            write!(f, " {subject}")?;
        }
        write!(f, ": {}", self.0.kind)?;
        if let Some(detail) = &self.0.detail {
            write!(f, ": {detail}")?;
        }
        if let Some(time) = self.0.retry_at {
            write!(f, "; again at {}", shown(time))?;
        }
        Ok(())
    }
}

impl StdError for Error {}

/// Writes a time for a person.
fn shown(time: Timestamp) -> String {
    // The last time that the format can write is at the end of the year 9999.
    let millis = u64::try_from(time.as_millis()).unwrap_or(0);
    let time = UNIX_EPOCH + Duration::from_millis(millis.min(253_402_300_799_000));
    httpdate::fmt_http_date(time)
}

/// What reading an archive, or a stream of ours through it, says.
impl From<workspace_core::Error> for Error {
    fn from(error: workspace_core::Error) -> Self {
        let kind = match (error.kind(), error.failure()) {
            (_, Some(Failure::Denied)) => Kind::Denied,
            (_, Some(Failure::RateLimited)) => Kind::RateLimited,
            (_, Some(Failure::Upstream)) => Kind::Upstream,
            (_, Some(Failure::Truncated)) => Kind::Truncated,
            (ErrorKind::NotFound, _) => Kind::NotFound,
            (ErrorKind::LimitExceeded, _) => Kind::LimitExceeded,
            _ => Kind::Altered,
        };
        let mut made = Self::new(kind, "read archive").until(error.retry_at());
        made.0.subject = error.subject().map(str::to_owned);
        made.0.detail = error.detail().map(|detail| detail.to_owned().into());
        made
    }
}

/// What an import, or a read of a file that is still at GitHub, is told.
impl From<Error> for workspace_core::Error {
    fn from(error: Error) -> Self {
        let operation = error.operation();
        let made = match error.kind() {
            Kind::Invalid => Self::invalid(Reason::MalformedArgument, operation),
            Kind::NotFound => Self::not_found(Sought::Source, operation),
            Kind::Denied | Kind::Refused => Self::source_failed(Failure::Denied, operation),
            Kind::RateLimited => Self::source_failed(Failure::RateLimited, operation),
            Kind::Upstream => Self::source_failed(Failure::Upstream, operation),
            Kind::Truncated => Self::source_failed(Failure::Truncated, operation),
            Kind::Altered => Self::source_failed(Failure::Altered, operation),
            Kind::LimitExceeded => Self::new(ErrorKind::LimitExceeded, operation),
            Kind::Moved => Self::new(ErrorKind::Stale, operation),
            Kind::Unsupported => Self::new(ErrorKind::Unsupported, operation),
        };
        let made = made.until(error.retry_at());
        let again = error
            .retry_at()
            .map(|time| format!("again at {}", shown(time)));
        let detail = [error.detail(), again.as_deref()];
        let detail: Vec<&str> = detail.into_iter().flatten().collect();
        let made = match detail.is_empty() {
            true => made,
            false => made.because(detail.join("; ")),
        };
        match error.subject() {
            Some(subject) => made.at(subject),
            None => made,
        }
    }
}
