//! Where an import takes its entries from, and how it goes about it.

use std::fmt;

use bytes::Bytes;
use derive_setters::Setters;
use futures::future::BoxFuture;

use crate::change::Author;
use crate::entry::{MAX_MEDIA_TYPE, MAX_PROVENANCE, MAX_TARGET, Text, Timestamp};
use crate::error::Result;
use crate::id::{OperationId, RevisionId};
use crate::path::TreePath;
use crate::source::FileId;

/// A stream of entries: a directory on disk, an archive, a checkout.
///
/// Pulled by one caller: [`next`](Self::next) moves to an entry, then
/// [`chunk`](Self::chunk) returns its bytes. Parents may come after their
/// entries or not at all; a later entry for a path wins.
pub trait EntrySource: Send {
    /// Moves to the next entry, past what is unread of the one before; `None`
    /// at the end.
    fn next(&mut self) -> BoxFuture<'_, Result<Option<SourceEntry>>>;

    /// Returns the next bytes of the current file; `None` at its end, and for
    /// what is not a file.
    fn chunk(&mut self) -> BoxFuture<'_, Result<Option<Bytes>>>;
}

/// An entry of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceEntry {
    /// Where it goes, below the directory that the import goes into. The root
    /// itself may appear, as a directory.
    pub path: TreePath,
    /// What it is.
    pub kind: SourceKind,
}

/// What an entry of a source is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceKind {
    /// A file; its bytes come from [`EntrySource::chunk`].
    File {
        /// Its size in bytes, where known beforehand; not trusted.
        size: Option<u64>,
        /// Whether it may be executed.
        executable: bool,
        /// When it was last modified; the time of the import where unknown.
        modified: Option<Timestamp>,
        /// Its media type, where known.
        media_type: Option<Text<MAX_MEDIA_TYPE>>,
        /// Where it came from, where worth keeping.
        provenance: Option<Text<MAX_PROVENANCE>>,
    },
    /// A directory.
    Directory,
    /// A symlink.
    Symlink {
        /// Where it points.
        target: Text<MAX_TARGET>,
        /// When it was last modified; the time of the import where unknown.
        modified: Option<Timestamp>,
    },
    /// A file whose bytes stay at the source until they are read. Only an import of a
    /// [`Snapshot`](crate::Snapshot) takes such.
    External {
        /// The source's id of its bytes.
        id: FileId,
        /// Its size in bytes, where the source says it.
        size: Option<u64>,
        /// Whether it may be executed.
        executable: bool,
        /// When it was last modified; the time of the import where unknown.
        modified: Option<Timestamp>,
        /// Its media type, where known.
        media_type: Option<Text<MAX_MEDIA_TYPE>>,
    },
    /// Nothing any more: what was imported there before is gone, with all below it. Only
    /// [`Snapshot::changes`](crate::Snapshot::changes) has such.
    Removed,
}

/// How to import.
#[derive(Setters)]
#[non_exhaustive]
pub struct ImportOptions<'a> {
    /// The directory that the source's `/` becomes; made where it is missing.
    pub into: TreePath,
    /// Who imports, and what for: of the operation, and of head's revision.
    pub author: Author,
    /// What is refused.
    pub limits: ImportLimits,
    /// How much is committed at once.
    pub batch: BatchSize,
    /// Whether what is below `into` and not in the source is removed at the end.
    /// What somebody else changes there while the import is under way stays.
    /// Keeps 16 bytes an entry in memory, and walks what is there.
    pub delete_missing: bool,
    /// Called after each entry. Its setter takes what to call, not an `Option`.
    #[setters(strip_option)]
    pub progress: Option<&'a mut dyn FnMut(&Imported)>,
}

impl Default for ImportOptions<'_> {
    fn default() -> Self {
        Self {
            into: TreePath::root(),
            author: Author::default(),
            limits: ImportLimits::default(),
            batch: BatchSize::default(),
            delete_missing: false,
            progress: None,
        }
    }
}

impl fmt::Debug for ImportOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImportOptions")
            .field("into", &self.into)
            .field("limits", &self.limits)
            .field("batch", &self.batch)
            .finish_non_exhaustive()
    }
}

/// What an import refuses, with `LimitExceeded`: the guard against archives
/// that unpack to more than anybody meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Setters)]
#[non_exhaustive]
pub struct ImportLimits {
    /// The most entries.
    pub entries: u64,
    /// The most bytes in all files.
    pub bytes: u64,
    /// The most bytes in one file.
    pub file_bytes: u64,
    /// The most paths that are kept to find out what is missing of the source, those of
    /// directories above its entries included: never more than twice the entries, and
    /// 8,192. Each takes some 20 to 40 bytes of memory.
    pub named: u64,
}

impl Default for ImportLimits {
    /// 10 million entries, 1 TiB, 64 GiB a file, 20 million paths.
    fn default() -> Self {
        Self {
            entries: 10_000_000,
            bytes: 1 << 40,
            file_bytes: 1 << 36,
            named: 20_000_000,
        }
    }
}

/// How much of an import is committed at once, and so held in memory: an entry
/// that reaches any of these ends its batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Setters)]
#[non_exhaustive]
pub struct BatchSize {
    /// Entries.
    pub entries: usize,
    /// Bytes of contents that go into rows.
    pub bytes: usize,
    /// Bytes of all paths; more than 1,044,480 are taken for as many. A batch ends as well
    /// where its paths go through 63,488 directories.
    pub paths: usize,
}

impl Default for BatchSize {
    /// 10,000 entries, 16 MiB of contents or 1,044,480 bytes of paths.
    fn default() -> Self {
        Self {
            entries: 10_000,
            bytes: 16 << 20,
            paths: 1_044_480,
        }
    }
}

/// What was imported.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Imported {
    /// Files.
    pub files: u64,
    /// Directories that the source named.
    pub directories: u64,
    /// Symlinks.
    pub symlinks: u64,
    /// Entries that were removed since the source does not have them; a removed
    /// directory counts once.
    pub removed: u64,
    /// Bytes in all files.
    pub bytes: u64,
    /// The operations that the import made of a copy, oldest first: none where
    /// nothing changed, several where others changed the copy meanwhile. Undoing
    /// them from the last to the first undoes the import. At most
    /// [`MAX_OPERATIONS`](Self::MAX_OPERATIONS).
    pub operations: Vec<OperationId>,
    /// The revision, for head; `None` where nothing changed.
    pub revision: Option<RevisionId>,
}

impl Imported {
    /// The most operations that an import makes. One that others interrupt more
    /// often stops with `LimitExceeded`.
    pub const MAX_OPERATIONS: usize = 1000;

    /// Returns all entries.
    pub fn entries(&self) -> u64 {
        self.files + self.directories + self.symlinks
    }
}
