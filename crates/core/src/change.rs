//! Changes: what a batch asks for.

use bytes::Bytes;

use crate::entry::{MAX_MEDIA_TYPE, MAX_PROVENANCE, MAX_TARGET, Text, Timestamp};
use crate::id::{ContentId, OperationId, TreeId};
use crate::path::TreePath;
use crate::workspace::Stored;

/// One change to a tree. A batch of them is all or nothing, and one operation.
///
/// A change sees what those before it in the batch did. A change that leaves
/// its entry as it was moves no tree and no time.
#[derive(Debug)]
pub enum Change {
    /// Puts a file, in place of a file or symlink that is there.
    Write {
        /// Where.
        path: TreePath,
        /// Its bytes.
        content: Content,
        /// How.
        options: WriteOptions,
    },
    /// Makes a directory.
    Mkdir {
        /// Where.
        path: TreePath,
        /// Also makes what is missing above, and is content with a directory
        /// that is there.
        parents: bool,
    },
    /// Puts a symlink, in place of a file or symlink that is there.
    Symlink {
        /// Where.
        path: TreePath,
        /// Where it points. Never followed, so free to point nowhere.
        target: Text<MAX_TARGET>,
        /// Also makes what is missing above.
        create_parents: bool,
    },
    /// Removes an entry.
    Remove {
        /// Which.
        path: TreePath,
        /// Whether a directory goes with all that is in it.
        recursive: bool,
    },
    /// Moves an entry; a directory goes in one piece, whatever its size.
    Rename {
        /// From where.
        from: TreePath,
        /// To where; the parent must be there.
        to: TreePath,
        /// Whether a file, symlink or empty directory at `to` gives way.
        replace: bool,
    },
    /// Copies an entry; a directory is shared, whatever its size.
    Copy {
        /// From where.
        from: TreePath,
        /// To where; the parent must be there.
        to: TreePath,
        /// Whether a file, symlink or empty directory at `to` gives way.
        replace: bool,
    },
    /// Sets whether a file may be executed.
    SetExecutable {
        /// Which.
        path: TreePath,
        /// Whether.
        executable: bool,
    },
}

/// The bytes of a file to be written.
#[derive(Debug)]
pub enum Content {
    /// In memory.
    Bytes(Bytes),
    /// Stored ahead, from a stream; see [`Workspace::store`](crate::Workspace::store).
    Stored(Stored),
}

/// How to write a file.
#[derive(Debug, Clone, Default)]
pub struct WriteOptions {
    /// Makes the directories that are missing above.
    pub create_parents: bool,
    /// Whether it may be executed; `None` keeps what a file there has.
    pub executable: Option<bool>,
    /// When it was modified; `None` for now.
    pub modified: Option<Timestamp>,
    /// Its media type; `None` keeps what a file there has.
    pub media_type: Option<Text<MAX_MEDIA_TYPE>>,
    /// Where it came from; `None` keeps it only with the content.
    pub provenance: Option<Text<MAX_PROVENANCE>>,
    /// What must be there now.
    pub precondition: Precondition,
}

/// What must be at a path for a write to go ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precondition {
    /// Anything.
    #[default]
    None,
    /// Nothing; otherwise `AlreadyExists`.
    Absent,
    /// A file with this content; otherwise `Stale`.
    Content(ContentId),
}

/// Who makes a batch of changes, and what for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Author {
    /// Who; free text of up to 200 bytes.
    pub actor: String,
    /// What for; free text of up to 8 KiB.
    pub note: String,
}

/// How to make a batch of changes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChangeOptions {
    /// Who makes it, and what for.
    pub author: Author,
    /// The generation of the copy (the version of head) that the caller has
    /// seen; otherwise `Stale`.
    pub expect_generation: Option<u64>,
}

/// What a batch of changes led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Changed {
    /// The copy's generation, or head's version, after it.
    pub generation: u64,
    /// The files after it.
    pub tree: TreeId,
    /// The operation; `None` on head, and where nothing changed.
    pub operation: Option<OperationId>,
}

/// A change that a grant allows, as in the whole tree.
pub(crate) struct AllowedChange {
    pub(crate) change: Change,
    /// The directory that must be there; where it is not, the change is denied.
    pub(crate) rests_on: Option<TreePath>,
}
