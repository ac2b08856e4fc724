//! The shapes of `--json`: stable names, times in RFC 3339, ids in hex.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use workspace_core::store::{
    AppliedAs, CopyRecord, CopyState, HeadRecord, OperationCause, OperationRecord, RevisionCause,
    RevisionRecord, StoreUsage,
};
use workspace_core::{Difference, Entry, Receipt, Timestamp, TreePath};

use crate::time::{machine_text, now};

/// An entry at a path.
#[derive(Debug, Serialize)]
pub(crate) struct EntryShape {
    path: String,
    #[serde(flatten)]
    entry: BareEntryShape,
}

/// An entry without its path.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum BareEntryShape {
    /// A file.
    File {
        size: u64,
        content: String,
        executable: bool,
        modified: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        media_type: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        provenance: Option<String>,
    },
    /// A directory, with the totals of everything below.
    Directory {
        tree: String,
        files: u64,
        directories: u64,
        bytes: u64,
    },
    /// A symlink.
    Symlink { target: String, modified: String },
}

impl BareEntryShape {
    fn new(entry: &Entry) -> Self {
        match entry {
            Entry::File(file) => Self::File {
                size: file.size,
                content: file.content.to_string(),
                executable: file.executable,
                modified: machine_text(file.modified),
                media_type: file.media_type.as_ref().map(ToString::to_string),
                provenance: file.provenance.as_ref().map(ToString::to_string),
            },
            Entry::Directory(directory) => Self::Directory {
                tree: directory.tree.to_string(),
                files: directory.summary.files,
                directories: directory.summary.directories,
                bytes: directory.summary.bytes,
            },
            Entry::Symlink(symlink) => Self::Symlink {
                target: symlink.target.to_string(),
                modified: machine_text(symlink.modified),
            },
        }
    }
}

impl EntryShape {
    /// Shows an entry.
    pub(crate) fn new(path: &TreePath, entry: &Entry) -> Self {
        Self {
            path: path.to_string(),
            entry: BareEntryShape::new(entry),
        }
    }
}

/// A difference.
#[derive(Debug, Serialize)]
pub(crate) struct DifferenceShape {
    path: String,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    renamed_from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    old: Option<BareEntryShape>,
    #[serde(skip_serializing_if = "Option::is_none")]
    new: Option<BareEntryShape>,
}

impl DifferenceShape {
    /// Shows a difference.
    pub(crate) fn new(difference: &Difference) -> Self {
        Self {
            path: difference.path.to_string(),
            status: status(difference).0,
            renamed_from: difference.renamed_from.as_ref().map(ToString::to_string),
            old: difference.old.as_ref().map(BareEntryShape::new),
            new: difference.new.as_ref().map(BareEntryShape::new),
        }
    }
}

/// Returns the word for a difference, and git's letter for it.
pub(crate) fn status(difference: &Difference) -> (&'static str, char) {
    match (&difference.old, &difference.new) {
        _ if difference.renamed_from.is_some() => ("renamed", 'R'),
        (None, _) => ("added", 'A'),
        (_, None) => ("removed", 'D'),
        (Some(old), Some(new)) if old.kind() != new.kind() => ("retyped", 'T'),
        _ => ("modified", 'M'),
    }
}

/// How many paths were changed in which way.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct ChangeCounts {
    pub(crate) added: u64,
    pub(crate) removed: u64,
    pub(crate) modified: u64,
    pub(crate) renamed: u64,
}

impl ChangeCounts {
    /// Counts differences.
    pub(crate) fn of(differences: &[Difference]) -> Self {
        let mut counts = Self::default();
        counts.add(differences);
        counts
    }

    /// Counts further ones.
    pub(crate) fn add(&mut self, differences: &[Difference]) {
        for difference in differences {
            let count = match status(difference).1 {
                'A' => &mut self.added,
                'D' => &mut self.removed,
                'R' => &mut self.renamed,
                _ => &mut self.modified,
            };
            *count += 1;
        }
    }
}

impl fmt::Display for ChangeCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} added, {} modified, {} removed, {} renamed",
            self.added, self.modified, self.removed, self.renamed
        )
    }
}

/// The head.
#[derive(Debug, Serialize)]
pub(crate) struct HeadShape {
    version: u64,
    tree: String,
    revision: Option<u64>,
    /// Whether a revision records the files as they are.
    recorded: bool,
    modified: String,
    files: u64,
    directories: u64,
    bytes: u64,
}

impl HeadShape {
    /// Shows head; `root` is the entry at `/`.
    pub(crate) fn new(head: &HeadRecord, root: &workspace_core::Summary) -> Self {
        Self {
            version: head.version,
            tree: head.tree.to_string(),
            revision: head.revision.map(|id| id.get()),
            recorded: head.recorded == Some(head.tree),
            modified: machine_text(head.modified),
            files: root.files,
            directories: root.directories,
            bytes: root.bytes,
        }
    }
}

/// A working copy.
#[derive(Debug, Serialize)]
pub(crate) struct CopyShape {
    id: String,
    name: Option<String>,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_operation: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<String>,
    base_version: u64,
    base: String,
    tree: String,
    generation: u64,
    operation: Option<u64>,
    created: String,
    modified: String,
    expires: Option<String>,
}

impl CopyShape {
    /// Shows a copy.
    pub(crate) fn new(copy: &CopyRecord) -> Self {
        let (revision, parent_operation) = match copy.state {
            CopyState::Applied(AppliedAs::Revision(id)) => (Some(id.get()), None),
            CopyState::Applied(AppliedAs::Operation(id)) => (None, Some(id.get())),
            CopyState::Open | CopyState::Discarded => (None, None),
        };
        Self {
            id: copy.id.to_string(),
            name: copy.name.clone(),
            state: copy_state(copy, now()),
            revision,
            parent_operation,
            parent: copy.parent.map(|id| id.to_string()),
            base_version: copy.base_version,
            base: copy.base.to_string(),
            tree: copy.tree.to_string(),
            generation: copy.generation,
            operation: copy.operation.map(|id| id.get()),
            created: machine_text(copy.created),
            modified: machine_text(copy.modified),
            expires: copy.expires.map(machine_text),
        }
    }
}

/// Returns the word for a copy's state; one whose time is up is closed,
/// whether or not that was noted already.
pub(crate) fn copy_state(copy: &CopyRecord, now: Timestamp) -> &'static str {
    match copy.state {
        CopyState::Open if copy.expires.is_some_and(|expires| expires <= now) => "expired",
        CopyState::Open => "open",
        CopyState::Applied(_) => "applied",
        CopyState::Discarded => "discarded",
    }
}

/// An operation of a copy.
#[derive(Debug, Serialize)]
pub(crate) struct OperationShape {
    id: u64,
    cause: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    undoes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    applied: Option<String>,
    actor: String,
    note: String,
    at: String,
    before: String,
    after: String,
}

impl OperationShape {
    /// Shows an operation.
    pub(crate) fn new(operation: &OperationRecord) -> Self {
        let (mut version, mut undoes, mut applied) = (None, None, None);
        let cause = match operation.cause {
            OperationCause::Edit => "edit",
            OperationCause::Import => "import",
            OperationCause::Rebase(onto) => {
                version = Some(onto);
                "rebase"
            }
            OperationCause::Undo(id) => {
                undoes = Some(id.get());
                "undo"
            }
            OperationCause::Apply(copy) => {
                applied = Some(copy.to_string());
                "apply"
            }
        };
        Self {
            id: operation.id.get(),
            cause,
            version,
            undoes,
            applied,
            actor: operation.actor.clone(),
            note: operation.note.clone(),
            at: machine_text(operation.at),
            before: operation.before.to_string(),
            after: operation.after.to_string(),
        }
    }
}

impl OperationShape {
    /// Says what made the operation.
    pub(crate) fn cause_text(&self) -> String {
        match (self.version, self.undoes, &self.applied) {
            (Some(version), ..) => format!("rebase to {version}"),
            (_, Some(id), _) => format!("undo of {id}"),
            (.., Some(copy)) => format!("apply of {copy}"),
            _ => self.cause.into(),
        }
    }
}

/// A revision.
#[derive(Debug, Serialize)]
pub(crate) struct RevisionShape {
    id: u64,
    parent: Option<u64>,
    tree: String,
    version: u64,
    cause: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    copy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    restored: Option<u64>,
    actor: String,
    message: String,
    at: String,
    metadata: BTreeMap<String, String>,
}

impl RevisionShape {
    /// Shows a revision.
    pub(crate) fn new(revision: &RevisionRecord) -> Self {
        let (cause, copy, restored) = match revision.cause {
            RevisionCause::Apply(copy) => ("apply", Some(copy.to_string()), None),
            RevisionCause::ApplyInPart(copy) => ("apply_in_part", Some(copy.to_string()), None),
            RevisionCause::Snapshot => ("snapshot", None, None),
            RevisionCause::Restore(id) => ("restore", None, Some(id.get())),
        };
        Self {
            id: revision.id.get(),
            parent: revision.parent.map(|id| id.get()),
            tree: revision.tree.to_string(),
            version: revision.version,
            cause,
            copy,
            restored,
            actor: revision.actor.clone(),
            message: revision.message.clone(),
            at: machine_text(revision.at),
            metadata: revision.metadata.clone(),
        }
    }
}

impl RevisionShape {
    /// Says what recorded the revision.
    pub(crate) fn cause_text(&self) -> String {
        match self.restored {
            Some(id) => format!("restore of {id}"),
            None => self.cause.into(),
        }
    }
}

/// What the stores hold.
#[derive(Debug, Serialize)]
pub(crate) struct UsageShape {
    nodes: u64,
    node_bytes: u64,
    inline_contents: u64,
    inline_bytes: u64,
    object_contents: u64,
    object_bytes: u64,
    copies: u64,
    operations: u64,
    revisions: u64,
}

impl UsageShape {
    /// Shows what is stored.
    pub(crate) fn new(usage: &StoreUsage) -> Self {
        Self {
            nodes: usage.nodes,
            node_bytes: usage.node_bytes,
            inline_contents: usage.inline_contents,
            inline_bytes: usage.inline_bytes,
            object_contents: usage.object_contents,
            object_bytes: usage.object_bytes,
            copies: usage.copies,
            operations: usage.operations,
            revisions: usage.revisions,
        }
    }
}

/// What calls cost.
#[derive(Debug, Serialize)]
pub(crate) struct ReceiptShape {
    rows_read: u64,
    rows_written: u64,
    nodes_read: u64,
    nodes_written: u64,
    commits: u64,
    blob_calls: u64,
    bytes_read: u64,
    bytes_written: u64,
}

impl ReceiptShape {
    /// Shows a receipt.
    pub(crate) fn new(receipt: &Receipt) -> Self {
        Self {
            rows_read: receipt.rows_read,
            rows_written: receipt.rows_written,
            nodes_read: receipt.nodes_read,
            nodes_written: receipt.nodes_written,
            commits: receipt.commits,
            blob_calls: receipt.blob_calls,
            bytes_read: receipt.bytes_read,
            bytes_written: receipt.bytes_written,
        }
    }
}

impl fmt::Display for ReceiptShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "rows {} read, {} written; nodes {} read, {} written; {} commits; \
             {} blob calls; bytes {} read, {} written",
            self.rows_read,
            self.rows_written,
            self.nodes_read,
            self.nodes_written,
            self.commits,
            self.blob_calls,
            self.bytes_read,
            self.bytes_written
        )
    }
}
