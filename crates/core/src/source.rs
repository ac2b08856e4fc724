//! What outside systems are to a workspace: sources, resolved to snapshots that do not
//! change, from which entries are imported and files are read.
//!
//! A directory, an archive, a repository somewhere: each implements [`Source`] and
//! [`Snapshot`], and knows nothing of workspaces. What fails says so by its kind, and
//! that kind comes through an import and a read as it is:
//!
//! | what failed | error |
//! |---|---|
//! | the source, the reference, the version or the path is not there | [`NotFound`](crate::ErrorKind::NotFound) of [`Sought::Source`](crate::Sought::Source) |
//! | a reference or an identity is none | [`Invalid`](crate::ErrorKind::Invalid), with its [`Reason`](crate::Reason) |
//! | the source has an entry that a tree cannot hold | `Invalid`, [`UnfitEntry`](crate::Reason::UnfitEntry) |
//! | anything else about the source | [`Source`](crate::ErrorKind::Source), with a [`Failure`] where one of them fits |

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use derive_setters::Setters;
use futures::FutureExt as _;
use futures::future::BoxFuture;

use crate::entry::Text;
use crate::error::{Error, Result};
use crate::glob::Glob;
use crate::import::{EntrySource, SourceEntry, SourceKind};
use crate::path::TreePath;
use crate::reason::Reason;

/// The longest name of a kind of source, in bytes.
pub const MAX_SOURCE_KIND: usize = 32;
/// The longest identity of a source, in bytes.
pub const MAX_SOURCE_IDENTITY: usize = 1024;
/// The longest reference, in bytes.
pub const MAX_REFERENCE: usize = 1024;
/// The longest version, in bytes.
pub const MAX_VERSION: usize = 256;
/// The most bytes that a snapshot says of what a tree cannot hold.
pub const MAX_UNHELD: usize = 16 << 20;
/// The most files that one call of [`Snapshot::read`] or [`Hydrator::read`] is asked for.
pub const MAX_READ: usize = 1024;

/// A system outside, from which files come.
pub trait Source: Send + Sync {
    /// Finds what a reference means now: a snapshot that does not change. Without one, it
    /// is what the source takes for its own default.
    fn resolve<'a>(
        &'a self,
        reference: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Arc<dyn Snapshot>>>;
}

/// What a source had under one version: the same entries and bytes, however often asked.
pub trait Snapshot: Send + Sync {
    /// Returns which snapshot of which source it is.
    fn id(&self) -> &SnapshotId;

    /// Begins to read its entries, in the order of their paths as far as the source has
    /// one. Memory does not depend on how many bytes there are. May be called again.
    fn entries<'a>(
        &'a self,
        options: EntriesOptions,
    ) -> BoxFuture<'a, Result<Box<dyn EntrySource>>>;

    /// Begins to read what is different from the snapshot of the same source, and the same
    /// path in it, that has the version `since`: entries that are new or another, and
    /// [`Removed`](crate::SourceKind::Removed) for those that are gone, a directory's for
    /// all below it. `None` where the source cannot tell; then all of it is read.
    fn changes<'a>(
        &'a self,
        since: &'a Text<MAX_VERSION>,
        options: EntriesOptions,
    ) -> BoxFuture<'a, Result<Option<Box<dyn EntrySource>>>>;

    /// Begins to read files by the source's own ids of their bytes, up to [`MAX_READ`], in
    /// as few requests as the source can. The source has compared what it gives with the
    /// id, where that is a hash: other bytes are
    /// [`Truncated`](crate::Failure::Truncated) or [`Altered`](crate::Failure::Altered).
    fn read<'a>(&'a self, files: &'a [FileId]) -> BoxFuture<'a, Result<Box<dyn FileBodies>>>;

    /// Returns what the source has and a tree cannot hold (raw modes, empty trees,
    /// submodules, what was left out), in the source's own notation: bytes that it can
    /// read again when something goes back to it. `None` where there is nothing. Asked
    /// once the entries were read to their end, with what was asked of them; at most
    /// [`MAX_UNHELD`] bytes.
    fn unheld<'a>(&'a self, options: EntriesOptions) -> BoxFuture<'a, Result<Option<Bytes>>>;
}

/// Files whose bytes come one after the other, pulled by one caller.
pub trait FileBodies: Send {
    /// Moves to the next file, past what is unread of the one before, and returns where it
    /// is in the list that was asked for. The order is the source's; each comes once. `None`
    /// after the last; one that is not there is an error, `NotFound` of
    /// [`Sought::Source`](crate::Sought::Source) that names it.
    fn next(&mut self) -> BoxFuture<'_, Result<Option<usize>>>;

    /// Returns the next bytes of the current file; `None` at its end.
    fn chunk(&mut self) -> BoxFuture<'_, Result<Option<Bytes>>>;
}

/// Reads files that are still at their source, long after the import: who opens a
/// workspace gives one, with whatever it takes to reach those sources.
pub trait Hydrator: Send + Sync {
    /// Does what [`Snapshot::read`] does, of the snapshot with that id.
    ///
    /// # Errors
    /// Those of `read`; [`Unsupported`](crate::ErrorKind::Unsupported) for a kind of source
    /// that it does not know.
    fn read<'a>(
        &'a self,
        snapshot: &'a SnapshotId,
        files: &'a [FileId],
    ) -> BoxFuture<'a, Result<Box<dyn FileBodies>>>;
}

/// Which snapshot of which source.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SnapshotId {
    /// What kind of source: `github`, `directory`, `archive`. Lower-case letters, digits
    /// and `-`.
    pub kind: Text<MAX_SOURCE_KIND>,
    /// Which source of that kind, without credentials: `octocat/hello-world`, with the
    /// host before it where that is not the usual one.
    pub identity: Text<MAX_SOURCE_IDENTITY>,
    /// The reference as it was asked for: `main`. `None` where it was left to the source.
    pub reference: Option<Text<MAX_REFERENCE>>,
    /// What the reference meant: a commit, a hash, a number. The same version is the same
    /// entries.
    pub version: Text<MAX_VERSION>,
    /// The directory within the source that the entries are of.
    pub path: TreePath,
}

impl SnapshotId {
    /// Checks a kind and an identity.
    ///
    /// # Errors
    /// `Invalid` where one of the texts is empty, too long, or has characters that it may
    /// not have.
    pub fn new(kind: &str, identity: &str, version: &str) -> Result<Self> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if !kind.bytes().all(plain) {
            return Err(Error::invalid(Reason::MalformedName, "name source")
                .at(kind.escape_debug())
                .because("a kind of source has lower-case letters, digits and -"));
        }
        if let Some(text) = [identity, version]
            .into_iter()
            .find(|text| text.chars().any(char::is_control))
        {
            return Err(Error::invalid(Reason::MalformedText, "name source")
                .at(text.escape_debug())
                .because("it has control characters"));
        }
        Ok(Self {
            kind: Text::new(kind)?,
            identity: Text::new(identity)?,
            reference: None,
            version: Text::new(version)?,
            path: TreePath::root(),
        })
    }

    /// Says what was asked for.
    ///
    /// # Errors
    /// `Invalid` where it is empty or too long.
    pub fn asked_as(mut self, reference: Option<&str>) -> Result<Self> {
        self.reference = reference.map(Text::new).transpose()?;
        Ok(self)
    }

    /// Says which directory of the source it is of.
    #[must_use]
    pub fn within(mut self, path: TreePath) -> Self {
        self.path = path;
        self
    }
}

impl fmt::Display for SnapshotId {
    /// `kind:identity@version`, and `:path` unless that is the root.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, identity) = (self.kind.as_str(), self.identity.as_str());
        write!(f, "{kind}:{identity}@{}", self.version.as_str())?;
        match self.path.is_root() {
            true => Ok(()),
            false => write!(f, ":{}", self.path),
        }
    }
}

/// The longest id of a file's bytes, in bytes.
pub const MAX_FILE_ID: usize = 1024;

/// A source's own id of the bytes of a file: a git object id, an object's key and version.
///
/// Within one kind of source, it names the same bytes for ever; whichever source of that
/// kind has it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(Bytes);

impl FileId {
    /// Checks and wraps an id.
    ///
    /// # Errors
    /// `Invalid` where it is empty or has more than [`MAX_FILE_ID`] bytes.
    pub fn new(id: impl Into<Bytes>) -> Result<Self> {
        let id = id.into();
        if id.is_empty() || id.len() > MAX_FILE_ID {
            return Err(Error::invalid(Reason::MalformedId, "name file of a source")
                .because(format!("{} bytes, expected 1 to {MAX_FILE_ID}", id.len())));
        }
        Ok(Self(id))
    }

    /// Returns the bytes of the id.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for FileId {
    /// As it is where that is printable ASCII; otherwise in hexadecimal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match std::str::from_utf8(&self.0) {
            Ok(text) if text.bytes().all(|byte| byte.is_ascii_graphic()) => f.write_str(text),
            _ => f.write_str(&data_encoding::HEXLOWER.encode(&self.0)),
        }
    }
}

impl fmt::Debug for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileId({self})")
    }
}

/// Which entries of a snapshot, and whether with their bytes.
#[derive(Debug, Clone, Default, Setters)]
#[non_exhaustive]
pub struct EntriesOptions {
    /// Takes only what matches one of these, and the directories on the way to it; all
    /// where there is none. Paths are those of entries: below the snapshot's own path.
    pub include: Vec<Glob>,
    /// Leaves out what matches one of these, and all below it.
    pub exclude: Vec<Glob>,
    /// Leaves the bytes of files where they are: each is
    /// [`External`](crate::SourceKind::External). A source that cannot give them later by an
    /// id gives them now, as [`File`](crate::SourceKind::File).
    pub lazy: bool,
}

/// What the globs of [`EntriesOptions`] say of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// It is taken.
    Entry,
    /// It is not; as a directory it may have below it what is.
    OnTheWay,
    /// Neither it nor anything below it is.
    Nothing,
}

impl EntriesOptions {
    /// Tells whether an entry is taken. That none of the directories above it is left out,
    /// the caller sees to.
    ///
    /// ```
    /// # use workspace_core::*;
    /// let options = EntriesOptions::default()
    ///     .include(vec![Glob::new("/src/**")?])
    ///     .exclude(vec![Glob::new("/**/target")?]);
    /// let takes = |path| Ok::<_, Error>(options.takes(&TreePath::new(path)?));
    /// assert_eq!(takes("/src/main.rs")?, Takes::Entry);
    /// assert_eq!(takes("/src/target")?, Takes::Nothing);
    /// assert_eq!(takes("/docs")?, Takes::Nothing);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn takes(&self, path: &TreePath) -> Takes {
        if self.exclude.iter().any(|glob| glob.matches(path)) {
            return Takes::Nothing;
        }
        let mut globs = self.include.iter();
        if self.include.is_empty() || globs.any(|glob| glob.matches(path)) {
            return Takes::Entry;
        }
        match self.include.iter().any(|glob| glob.may_match_below(path)) {
            true => Takes::OnTheWay,
            false => Takes::Nothing,
        }
    }
}

/// The entries of a source that has no globs of its own, of which it takes those that
/// [`EntriesOptions`] name. What is left out is read past.
pub struct Selected {
    source: Box<dyn EntrySource>,
    options: EntriesOptions,
}

impl Selected {
    /// Wraps a source.
    pub fn new(source: Box<dyn EntrySource>, options: EntriesOptions) -> Self {
        Self { source, options }
    }

    fn takes(&self, entry: &SourceEntry) -> bool {
        let excludes = |path: &TreePath| self.options.exclude.iter().any(|it| it.matches(path));
        let mut above = entry.path.parent();
        while let Some(directory) = above {
            if excludes(&directory) {
                return false;
            }
            above = directory.parent();
        }
        match self.options.takes(&entry.path) {
            Takes::Entry => true,
            Takes::OnTheWay => entry.kind == SourceKind::Directory,
            Takes::Nothing => false,
        }
    }
}

impl fmt::Debug for Selected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Selected")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl EntrySource for Selected {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<SourceEntry>>> {
        async {
            while let Some(entry) = self.source.next().await? {
                if self.takes(&entry) {
                    return Ok(Some(entry));
                }
            }
            Ok(None)
        }
        .boxed()
    }

    fn chunk(&mut self) -> BoxFuture<'_, Result<Option<Bytes>>> {
        self.source.chunk()
    }
}
