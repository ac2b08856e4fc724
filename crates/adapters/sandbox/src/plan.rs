//! What a capture found: steps, and what is left out.

use workspace_core::{ContentId, Entry, EntryKind, MAX_TARGET, Text, Timestamp, TreePath};

use crate::host::Stamp;

/// What is at a path after a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leaf {
    /// A directory.
    Directory,
    /// A file.
    File {
        /// Its content, as it was when it was looked at.
        content: ContentId,
        /// How many bytes it has.
        size: u64,
        /// Whether it may be executed.
        executable: bool,
        /// When it was modified.
        modified: Timestamp,
    },
    /// A symlink. It is kept as it is, wherever it leads.
    Symlink {
        /// Where it points.
        target: Text<MAX_TARGET>,
        /// When it was modified.
        modified: Timestamp,
    },
}

impl Leaf {
    /// Tells whether an entry is the same but for its time.
    pub(crate) fn is(&self, entry: &Entry) -> bool {
        match (self, entry) {
            (Self::Directory, Entry::Directory(_)) => true,
            (
                Self::File {
                    content,
                    executable,
                    ..
                },
                Entry::File(file),
            ) => file.content == *content && file.executable == *executable,
            (Self::Symlink { target, .. }, Entry::Symlink(symlink)) => symlink.target == *target,
            _ => false,
        }
    }
}

/// What was done at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Nothing was there.
    Created(Leaf),
    /// A file or symlink is another one.
    Modified(Leaf),
    /// It is gone, a directory with all that was in it.
    Deleted {
        /// What it was.
        was: EntryKind,
        /// How many entries went, itself included.
        entries: u64,
    },
    /// A file that was elsewhere is here, as it was.
    Renamed {
        /// Where it was.
        from: TreePath,
        /// What it is.
        leaf: Leaf,
    },
}

impl What {
    /// Returns what is there afterwards; `None` for nothing.
    pub fn leaf(&self) -> Option<&Leaf> {
        match self {
            Self::Created(leaf) | Self::Modified(leaf) | Self::Renamed { leaf, .. } => Some(leaf),
            Self::Deleted { .. } => None,
        }
    }

    /// Returns one word for it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Created(_) => "created",
            Self::Modified(_) => "modified",
            Self::Deleted { .. } => "deleted",
            Self::Renamed { .. } => "renamed",
        }
    }
}

/// A change that was made in the sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Where.
    pub path: TreePath,
    /// What was done.
    pub what: What,
    /// What the system said of the file that was read.
    pub(crate) stamp: Option<Stamp>,
}

/// Something that stays in the sandbox because somebody else owns it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ignored {
    /// Where; with all that is below.
    pub path: TreePath,
    /// Whose it is.
    pub why: &'static str,
}

/// Something that a copy cannot hold, or that could not be read: it stays in the sandbox, and
/// the copy keeps what it has there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Where, with what is no text escaped.
    pub path: String,
    /// Why.
    pub why: String,
}

/// What a capture found, and what a reconcile would do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// What was changed, in the order of the paths; what took the place of another kind of
    /// entry comes after the deletion of that.
    pub steps: Vec<Step>,
    /// What is not a part of the copy.
    pub ignored: Vec<Ignored>,
    /// What cannot be.
    pub refused: Vec<Refused>,
    /// How many entries of the sandbox were looked at.
    pub looked: u64,
}

impl Plan {
    /// Tells whether nothing was changed that a copy would take.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Returns how many steps there are of each kind: created, modified, deleted, renamed.
    pub fn counts(&self) -> [u64; 4] {
        let mut counts = [0; 4];
        for step in &self.steps {
            let [created, modified, deleted, renamed] = &mut counts;
            *match step.what {
                What::Created(_) => created,
                What::Modified(_) => modified,
                What::Deleted { .. } => deleted,
                What::Renamed { .. } => renamed,
            } += 1;
        }
        counts
    }

    /// Returns the sizes of all files that would be written, in bytes.
    pub fn bytes(&self) -> u64 {
        let sizes = self.steps.iter().map(|step| match &step.what {
            What::Created(Leaf::File { size, .. }) | What::Modified(Leaf::File { size, .. }) => {
                *size
            }
            _ => 0,
        });
        sizes.fold(0, u64::saturating_add)
    }
}
