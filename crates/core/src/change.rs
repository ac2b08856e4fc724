//! Changes: what a batch asks for.

use bytes::Bytes;
use derive_setters::Setters;

use crate::entry::{MAX_MEDIA_TYPE, MAX_PROVENANCE, MAX_TARGET, Text, Timestamp};
use crate::error::Result;
use crate::id::{ContentId, OperationId, TreeId};
use crate::path::{ToPath, TreePath};
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
        /// When it was modified; `None` for now.
        modified: Option<Timestamp>,
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

/// Changes by their usual form. What is told otherwise is told afterwards:
/// [`with_parents`](Self::with_parents), [`recursively`](Self::recursively),
/// [`replacing`](Self::replacing), [`with_options`](Self::with_options). Each is of
/// effect on the changes that it names, and leaves others as they are.
///
/// ```
/// use workspace_core::{Change, Precondition, WriteOptions};
///
/// let changes = vec![
///     Change::mkdir("/drafts")?,
///     Change::write("/notes/today.md", "# Today")?.with_parents(),
///     Change::write("/run.sh", "exit 0")?.with_options(
///         WriteOptions::default().executable(true).precondition(Precondition::Absent),
///     ),
///     Change::rename("/old", "/drafts/old")?.replacing(),
///     Change::remove("/build")?.recursively(),
/// ];
/// assert!(Change::remove("no/slash").is_err(), "paths are checked");
/// # Ok::<(), workspace_core::Error>(())
/// ```
impl Change {
    /// Writes a file; the directory above must be there.
    ///
    /// # Errors
    /// `Invalid` for what is no path.
    pub fn write(path: impl ToPath, content: impl Into<Content>) -> Result<Self> {
        Ok(Self::Write {
            path: path.to_path()?,
            content: content.into(),
            options: WriteOptions::default(),
        })
    }

    /// Makes a directory, which must not be there yet.
    ///
    /// # Errors
    /// `Invalid` for what is no path.
    pub fn mkdir(path: impl ToPath) -> Result<Self> {
        Ok(Self::Mkdir {
            path: path.to_path()?,
            parents: false,
        })
    }

    /// Puts a symlink; the directory above must be there.
    ///
    /// # Errors
    /// `Invalid` for what is no path, and for a target that is too long.
    pub fn symlink(path: impl ToPath, target: &str) -> Result<Self> {
        Ok(Self::Symlink {
            path: path.to_path()?,
            target: Text::new(target)?,
            create_parents: false,
            modified: None,
        })
    }

    /// Removes a file, a symlink or an empty directory.
    ///
    /// # Errors
    /// `Invalid` for what is no path.
    pub fn remove(path: impl ToPath) -> Result<Self> {
        Ok(Self::Remove {
            path: path.to_path()?,
            recursive: false,
        })
    }

    /// Moves an entry to where nothing is.
    ///
    /// # Errors
    /// `Invalid` for what is no path.
    pub fn rename(from: impl ToPath, to: impl ToPath) -> Result<Self> {
        Ok(Self::Rename {
            from: from.to_path()?,
            to: to.to_path()?,
            replace: false,
        })
    }

    /// Copies an entry to where nothing is.
    ///
    /// # Errors
    /// `Invalid` for what is no path.
    pub fn copy(from: impl ToPath, to: impl ToPath) -> Result<Self> {
        Ok(Self::Copy {
            from: from.to_path()?,
            to: to.to_path()?,
            replace: false,
        })
    }

    /// Sets whether a file may be executed.
    ///
    /// # Errors
    /// `Invalid` for what is no path.
    pub fn set_executable(path: impl ToPath, executable: bool) -> Result<Self> {
        Ok(Self::SetExecutable {
            path: path.to_path()?,
            executable,
        })
    }

    /// Also makes the directories that are missing above what is written, made or
    /// linked; a directory to be made may be there already.
    #[must_use]
    pub fn with_parents(mut self) -> Self {
        match &mut self {
            Self::Write { options, .. } => options.create_parents = true,
            Self::Mkdir { parents, .. } => *parents = true,
            Self::Symlink { create_parents, .. } => *create_parents = true,
            _ => {}
        }
        self
    }

    /// Removes a directory with all that is in it.
    #[must_use]
    pub fn recursively(mut self) -> Self {
        if let Self::Remove { recursive, .. } = &mut self {
            *recursive = true;
        }
        self
    }

    /// Renames or copies over a file, a symlink or an empty directory.
    #[must_use]
    pub fn replacing(mut self) -> Self {
        if let Self::Rename { replace, .. } | Self::Copy { replace, .. } = &mut self {
            *replace = true;
        }
        self
    }

    /// Writes a file as the options say, in place of all that was told before.
    #[must_use]
    pub fn with_options(mut self, how: WriteOptions) -> Self {
        if let Self::Write { options, .. } = &mut self {
            *options = how;
        }
        self
    }
}

impl From<Bytes> for Content {
    fn from(bytes: Bytes) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes.into())
    }
}

impl From<String> for Content {
    fn from(text: String) -> Self {
        Self::Bytes(text.into())
    }
}

impl From<&str> for Content {
    fn from(text: &str) -> Self {
        Self::Bytes(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl From<&[u8]> for Content {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(Bytes::copy_from_slice(bytes))
    }
}

impl From<Stored> for Content {
    fn from(stored: Stored) -> Self {
        Self::Stored(stored)
    }
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
#[derive(Debug, Clone, Default, Setters)]
#[non_exhaustive]
pub struct WriteOptions {
    /// Makes the directories that are missing above.
    pub create_parents: bool,
    /// Whether it may be executed; `None` keeps what a file there has.
    #[setters(into)]
    pub executable: Option<bool>,
    /// When it was modified; `None` for now.
    #[setters(into)]
    pub modified: Option<Timestamp>,
    /// Its media type; `None` keeps what a file there has.
    #[setters(into)]
    pub media_type: Option<Text<MAX_MEDIA_TYPE>>,
    /// Where it came from; `None` keeps it only with the content.
    #[setters(into)]
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
#[derive(Debug, Clone, PartialEq, Eq, Default, Setters)]
#[non_exhaustive]
pub struct Author {
    /// Who; free text of up to 200 bytes.
    #[setters(into)]
    pub actor: String,
    /// What for; free text of up to 8 KiB.
    #[setters(into)]
    pub note: String,
}

impl Author {
    /// Names who it is, and what for.
    pub fn new(actor: impl Into<String>, note: impl Into<String>) -> Self {
        Self {
            actor: actor.into(),
            note: note.into(),
        }
    }
}

/// How to make a batch of changes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Setters)]
#[non_exhaustive]
pub struct ChangeOptions {
    /// Who makes it, and what for.
    pub author: Author,
    /// The generation of the copy (the version of head) that the caller has
    /// seen; otherwise `Stale`.
    #[setters(into)]
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
    /// The longest path, as in the whole tree, that it may lead to.
    pub(crate) longest: usize,
}
