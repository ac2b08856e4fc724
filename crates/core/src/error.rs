//! The one error of this crate.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

use crate::conflict::Conflict;
use crate::entry::Timestamp;
use crate::reason::{Failure, Reason, Sought};

/// The result of every fallible call in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Tells the caller what to do next, not what went wrong inside.
///
/// Every projection (HTTP, errno, exit code, JS tag) owns one exhaustive table
/// from this kind to its own vocabulary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ErrorKind {
    /// The input itself is wrong; change it before asking again. The error carries a
    /// [`Reason`].
    Invalid,
    /// Nothing is there under that path, name or id. The error says of what
    /// ([`Sought`]).
    NotFound,
    /// Something is there already, and the call asked for nothing to be.
    AlreadyExists,
    /// A file or symlink stands where a directory is needed.
    NotADirectory,
    /// A directory stands where a file or symlink is needed.
    IsADirectory,
    /// The directory holds entries, and the call did not ask to remove them.
    NotEmpty,
    /// The grant does not cover it. Says nothing about what exists there.
    Denied,
    /// Revisions and bare trees cannot be written; fork a copy first.
    ReadOnly,
    /// Both sides changed; the error carries a [`Conflict`] that lists the paths.
    Conflict,
    /// The caller's expectation (generation, version, tree) no longer holds; read again.
    Stale,
    /// The working copy was applied, discarded or has expired; fork another.
    Closed,
    /// A stated limit was exceeded; send less or raise the limit.
    LimitExceeded,
    /// The storage has no room left; free some and repeat the call.
    StorageFull,
    /// Another process owns the workspace; wait for it or stop it.
    Locked,
    /// Written by a newer version, or a feature that this build does not have.
    Unsupported,
    /// Stored data is missing or altered; run the integrity check and restore a backup.
    Corrupt,
    /// The source of an import, or of a file that is still there, failed; head is
    /// untouched. The error may carry a [`Failure`].
    Source,
    /// The storage failed; the call may be repeated.
    Unavailable,
}

impl ErrorKind {
    /// Every kind, for tables that must be total.
    pub const ALL: [Self; 18] = [
        Self::Invalid,
        Self::NotFound,
        Self::AlreadyExists,
        Self::NotADirectory,
        Self::IsADirectory,
        Self::NotEmpty,
        Self::Denied,
        Self::ReadOnly,
        Self::Conflict,
        Self::Stale,
        Self::Closed,
        Self::LimitExceeded,
        Self::StorageFull,
        Self::Locked,
        Self::Unsupported,
        Self::Corrupt,
        Self::Source,
        Self::Unavailable,
    ];

    /// Returns the kind whose [`code`](Self::code) is `code`.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }

    /// Returns the stable, machine-readable code of this kind.
    pub fn code(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::NotFound => "not_found",
            Self::AlreadyExists => "already_exists",
            Self::NotADirectory => "not_a_directory",
            Self::IsADirectory => "is_a_directory",
            Self::NotEmpty => "not_empty",
            Self::Denied => "denied",
            Self::ReadOnly => "read_only",
            Self::Conflict => "conflict",
            Self::Stale => "stale",
            Self::Closed => "closed",
            Self::LimitExceeded => "limit_exceeded",
            Self::StorageFull => "storage_full",
            Self::Locked => "locked",
            Self::Unsupported => "unsupported",
            Self::Corrupt => "corrupt",
            Self::Source => "source",
            Self::Unavailable => "unavailable",
        }
    }

    fn phrase(self) -> &'static str {
        match self {
            Self::Invalid => "invalid input",
            Self::NotFound => "not found",
            Self::AlreadyExists => "already exists",
            Self::NotADirectory => "not a directory",
            Self::IsADirectory => "is a directory",
            Self::NotEmpty => "directory not empty",
            Self::Denied => "outside the grant",
            Self::ReadOnly => "read-only",
            Self::Conflict => "conflict",
            Self::Stale => "changed since it was read",
            Self::Closed => "working copy is closed",
            Self::LimitExceeded => "limit exceeded",
            Self::StorageFull => "storage is full",
            Self::Locked => "locked by another process",
            Self::Unsupported => "unsupported",
            Self::Corrupt => "stored data is corrupt",
            Self::Source => "the source failed",
            Self::Unavailable => "storage failed",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.phrase())
    }
}

/// A failed call: what to do next, which operation, on what, and why.
///
/// Displays as one lower-case fragment, `operation subject: kind: detail`; a
/// third-party error appears only as [`source`](StdError::source).
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    reason: Option<Reason>,
    sought: Option<Sought>,
    failure: Option<(Failure, Option<Timestamp>)>,
    operation: Cow<'static, str>,
    subject: Option<String>,
    detail: Option<String>,
    conflict: Option<Conflict>,
    /// Whether its subject is the caller's own word, and no path of the whole tree.
    own: bool,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// Creates an error of `kind` that `operation` (a verb, such as `"read"`) met; for
    /// `Invalid` and `NotFound` there are [`invalid`](Self::invalid) and
    /// [`not_found`](Self::not_found).
    pub fn new(kind: ErrorKind, operation: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            kind,
            reason: None,
            sought: None,
            failure: None,
            operation: operation.into(),
            subject: None,
            detail: None,
            conflict: None,
            own: false,
            source: None,
        }))
    }

    /// Creates an [`Invalid`](ErrorKind::Invalid) error, for `reason`.
    pub fn invalid(reason: Reason, operation: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Invalid, operation).for_reason(reason)
    }

    /// Creates a [`NotFound`](ErrorKind::NotFound) error that is about `sought`.
    pub fn not_found(sought: Sought, operation: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::NotFound, operation).of(sought)
    }

    /// Creates a [`Source`](ErrorKind::Source) error: how it failed.
    pub fn source_failed(failure: Failure, operation: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Source, operation).failed_as(failure)
    }

    /// Says how the source failed; nothing for another kind.
    #[must_use]
    pub fn failed_as(mut self, failure: Failure) -> Self {
        let until = self.0.failure.and_then(|(_, until)| until);
        self.0.failure = (self.0.kind == ErrorKind::Source).then_some((failure, until));
        self
    }

    /// Says when the source may be asked again; nothing where it did not say how it failed.
    #[must_use]
    pub fn until(mut self, until: Option<Timestamp>) -> Self {
        self.0.failure = self.0.failure.map(|(failure, _)| (failure, until));
        self
    }

    /// Says why the input is invalid; nothing for another kind.
    #[must_use]
    pub fn for_reason(mut self, reason: Reason) -> Self {
        self.0.reason = (self.0.kind == ErrorKind::Invalid).then_some(reason);
        self
    }

    /// Says what was not found; nothing for another kind.
    #[must_use]
    pub fn of(mut self, sought: Sought) -> Self {
        self.0.sought = (self.0.kind == ErrorKind::NotFound).then_some(sought);
        self
    }

    /// Names the path or id that it is about. The innermost name stays.
    #[must_use]
    pub fn at(mut self, subject: impl fmt::Display) -> Self {
        if self.0.subject.is_none() {
            self.0.subject = Some(subject.to_string());
        }
        self
    }

    /// Says what was wrong, as a lower-case fragment.
    #[must_use]
    pub fn because(mut self, detail: impl fmt::Display) -> Self {
        self.0.detail = Some(detail.to_string());
        self
    }

    /// Keeps the error underneath.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Keeps the changed paths, for [`ErrorKind::Conflict`].
    #[must_use]
    pub fn with_conflict(mut self, conflict: Conflict) -> Self {
        self.0.conflict = Some(conflict);
        self
    }

    pub(crate) fn conflicting(operation: &'static str, conflict: Conflict) -> Self {
        let detail = conflict.to_string();
        Self::new(ErrorKind::Conflict, operation)
            .because(detail)
            .with_conflict(conflict)
    }

    /// Takes note that its subject is what the caller gave, such as a path in an archive:
    /// it stays as it is, whatever the caller may see.
    #[must_use]
    pub(crate) fn in_own_words(mut self) -> Self {
        self.0.own = true;
        self
    }

    /// Names it by what `rename` makes of its subject, if anything, unless that is the
    /// caller's own word.
    #[must_use]
    pub(crate) fn map_subject(mut self, rename: impl FnOnce(&str) -> Option<String>) -> Self {
        if self.0.own {
            return self;
        }
        self.0.subject = self.0.subject.take().and_then(|subject| rename(&subject));
        self
    }

    /// Replaces its conflict, if it has one, and the detail, which tells of it.
    #[must_use]
    pub(crate) fn map_conflict(mut self, map: impl FnOnce(&Conflict) -> Conflict) -> Self {
        if let Some(conflict) = &self.0.conflict {
            let conflict = map(conflict);
            self.0.detail = Some(conflict.to_string());
            self.0.conflict = Some(conflict);
        }
        self
    }

    /// Says no more than the kind does.
    #[must_use]
    pub(crate) fn without_detail(mut self) -> Self {
        self.0.detail = None;
        self
    }

    /// Forgets the error underneath where it is one of this crate, which names what
    /// it is about in its own way.
    #[must_use]
    pub(crate) fn without_own_source(mut self) -> Self {
        self.0.source = self.0.source.filter(|source| !source.is::<Self>());
        self
    }

    /// Returns what the caller should do next.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns why the input is invalid, for [`ErrorKind::Invalid`].
    pub fn reason(&self) -> Option<Reason> {
        self.0.reason
    }

    /// Returns what was not found, for [`ErrorKind::NotFound`].
    pub fn sought(&self) -> Option<Sought> {
        self.0.sought
    }

    /// Returns how the source failed, for [`ErrorKind::Source`], where it is known.
    pub fn failure(&self) -> Option<Failure> {
        self.0.failure.map(|(failure, _)| failure)
    }

    /// Returns when the source may be asked again, where it said.
    pub fn retry_at(&self) -> Option<Timestamp> {
        self.0.failure.and_then(|(_, until)| until)
    }

    /// Returns the operation that failed.
    pub fn operation(&self) -> &str {
        &self.0.operation
    }

    /// Returns the path or id that it is about.
    pub fn subject(&self) -> Option<&str> {
        self.0.subject.as_deref()
    }

    /// Returns what was wrong, where the kind alone does not say it.
    pub fn detail(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }

    /// Returns the changed paths, for [`ErrorKind::Conflict`].
    pub fn conflict(&self) -> Option<&Conflict> {
        self.0.conflict.as_ref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.operation)?;
        if let Some(subject) = &self.0.subject {
            write!(f, " {subject}")?;
        }
        write!(f, ": {}", self.0.kind)?;
        if let Some(detail) = &self.0.detail {
            write!(f, ": {detail}")?;
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
