//! Where an import takes its entries from.

use bytes::Bytes;
use futures::future::BoxFuture;

use crate::entry::{MAX_MEDIA_TYPE, MAX_PROVENANCE, MAX_TARGET, Text, Timestamp};
use crate::error::Result;
use crate::path::TreePath;

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
}
