//! Publishing a copy, and bringing it up to the present head.

use std::collections::BTreeMap;

use derive_setters::Setters;

use crate::Timestamp;
use crate::change::Author;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, EventKind};
use crate::id::{CopyId, OperationId, RevisionId, TreeId};
use crate::path::TreePath;
use crate::reason::Reason;
use crate::store::{
    CopyRecord, CopyState, HeadRecord, OperationCause, RevisionCause, RevisionRecord,
};
use crate::tree::{Differences, Merged, changed_paths, merge};
use crate::workspace::Workspace;
use crate::workspace::batch::check_text;
use crate::workspace::tx::{Tx, next_operation};

/// What goes into a revision with its tree.
#[derive(Debug, Clone, PartialEq, Eq, Default, Setters)]
#[non_exhaustive]
pub struct RevisionMessage {
    /// Who; free text of up to 200 bytes.
    #[setters(into)]
    pub actor: String,
    /// What for; free text of up to 8 KiB.
    #[setters(into)]
    pub message: String,
    /// Whatever else to keep; up to 64 KiB in all.
    pub metadata: BTreeMap<String, String>,
}

impl From<&str> for RevisionMessage {
    fn from(message: &str) -> Self {
        Self::default().message(message)
    }
}

impl From<String> for RevisionMessage {
    fn from(message: String) -> Self {
        Self::default().message(message)
    }
}

impl RevisionMessage {
    pub(crate) fn check(&self, operation: &'static str) -> Result<()> {
        check_text(operation, &self.actor, &self.message)?;
        let size: usize = self
            .metadata
            .iter()
            .map(|(key, value)| key.len() + value.len())
            .sum();
        let nul = |text: &String| text.contains('\0');
        if size > 64 << 10
            || self
                .metadata
                .iter()
                .any(|(key, value)| nul(key) || nul(value))
        {
            return Err(Error::invalid(Reason::MalformedText, operation)
                .at("metadata")
                .because("a NUL byte, or more than 64 KiB"));
        }
        Ok(())
    }
}

/// How to apply a copy.
#[derive(Debug, Clone, PartialEq, Eq, Default, Setters)]
#[non_exhaustive]
pub struct ApplyOptions {
    /// What goes into the revision.
    #[setters(into)]
    pub message: RevisionMessage,
    /// The tree that was reviewed; where the copy has another one by now, apply
    /// fails with `Stale`.
    #[setters(into)]
    pub expect_tree: Option<TreeId>,
}

/// What applying led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// The copy is head, as this revision.
    Published {
        /// The revision.
        revision: RevisionId,
        /// Whether an apply before this one had published it already.
        already: bool,
    },
    /// The copy has no change, or none but of times: nothing was published, and
    /// the copy stays open.
    Unchanged,
}

/// What a rebase led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebased {
    /// The copy after it.
    pub copy: CopyRecord,
    /// The operation that brought head's changes in; `None` where the files of
    /// the copy stay as they are.
    pub operation: Option<OperationId>,
}

impl Workspace {
    /// Publishes a copy: it becomes head, and a revision records it. A few rows,
    /// whatever the tree's size. Where head holds writes that no revision
    /// records, they are recorded first, so that no state of head is lost.
    ///
    /// Repeating it returns the same revision.
    ///
    /// # Errors
    /// `Conflict`, with the changed paths, where head's files are no longer those
    /// that the copy is based on; the copy stays open. `Stale` where its tree is
    /// not the expected one. `Closed` where it was discarded or has expired;
    /// `NotFound`.
    pub fn apply(&self, id: CopyId, options: ApplyOptions) -> Result<Applied> {
        options.message.check("apply")?;
        let now = self.now();
        self.write("apply", |tx| {
            let mut copy = match tx.any_copy("apply", id)? {
                closed if matches!(closed.state, CopyState::Applied(_)) => closed,
                _ => tx.open_copy("apply", id, now)?,
            };
            // What was applied before is held against it as well.
            if let Some(expected) = options
                .expect_tree
                .filter(|expected| *expected != copy.tree)
            {
                return Err(Error::new(ErrorKind::Stale, "apply")
                    .at(id)
                    .because(format!("its tree is {}, not {expected}", copy.tree)));
            }
            if let CopyState::Applied(revision) = copy.state {
                return Ok(Applied::Published {
                    revision,
                    already: true,
                });
            }
            let mut head = tx.head()?;
            if is_unchanged(tx, &copy.base, &copy.tree)? {
                return Ok(Applied::Unchanged);
            }
            if !is_unchanged(tx, &copy.base, &head.tree)? {
                let changed = changed_paths(tx, &copy.base, &head.tree, &copy.tree)?;
                return Err(Error::conflicting("apply", changed).at(id));
            }
            record_head(tx, &mut head, now)?;
            let revision = publish(
                tx,
                &mut head,
                copy.tree,
                RevisionCause::Apply(id),
                options.message,
                now,
            )?;
            copy.state = CopyState::Applied(revision);
            copy.modified = now;
            tx.put_copy(&copy)?;
            Ok(Applied::Published {
                revision,
                already: false,
            })
        })
    }

    /// Moves a copy onto the present head, by three-way comparison at the level
    /// of paths, as one operation. Costs what the copy changed in directories that
    /// head changed too; where one of them has not moved, nothing.
    ///
    /// # Errors
    /// `Conflict`, with the changed paths, where both sides changed a path
    /// differently; nothing changes. `LimitExceeded` where more was changed than
    /// one call looks at, or the files of both are more than
    /// [`max_entries`](crate::Options::max_entries). `NotFound`, `Closed`.
    pub fn rebase(&self, id: CopyId, author: &Author) -> Result<Rebased> {
        check_text("rebase", &author.actor, &author.note)?;
        let now = self.now();
        self.write("rebase", |tx| {
            let mut copy = tx.open_copy("rebase", id, now)?;
            let head = tx.head()?;
            if (head.version, head.tree) == (copy.base_version, copy.base) {
                return Ok(Rebased {
                    copy,
                    operation: None,
                });
            }
            let tree = match merge(tx, &copy.base, &head.tree, &copy.tree)? {
                Merged::Tree(directory) => {
                    // Too large a tree may come back where it is there already.
                    self.check_entries(tx, "rebase", &copy.tree, &directory)
                        .or_else(|_| self.check_entries(tx, "rebase", &head.tree, &directory))?;
                    directory.tree
                }
                Merged::Conflict(conflict) => {
                    return Err(Error::conflicting("rebase", conflict).at(id));
                }
            };
            copy.base = head.tree;
            copy.base_version = head.version;
            let operation = if tree == copy.tree {
                copy.modified = now;
                tx.put_copy(&copy)?;
                tx.tell(&Event::moved(EventKind::Rebased, &copy, &author.actor))?;
                None
            } else {
                let cause = OperationCause::Rebase(head.version);
                let operation = next_operation(&copy, cause, author, now, tree);
                tx.move_copy(&mut copy, &operation, now)?;
                Some(operation.id)
            };
            Ok(Rebased { copy, operation })
        })
    }
}

/// Tells whether nothing but times differs. Reads up to the first path that does,
/// and takes what it would have to look at for too long as changed.
fn is_unchanged(tx: &Tx<'_>, old: &TreeId, new: &TreeId) -> Result<bool> {
    let mut differences = Differences::new(tx, &TreePath::root(), old, new, None)?;
    match differences.next(tx) {
        Err(error) if error.kind() == ErrorKind::LimitExceeded => Ok(false),
        found => Ok(found?.is_none()),
    }
}

/// Records head as it is, where no revision does.
pub(crate) fn record_head(tx: &Tx<'_>, head: &mut HeadRecord, now: Timestamp) -> Result<()> {
    if head.recorded == Some(head.tree) || (head.recorded.is_none() && head.tree == TreeId::empty())
    {
        return Ok(());
    }
    let message = RevisionMessage::default();
    record(tx, head, RevisionCause::Snapshot, message, now).map(|_| ())
}

/// Moves head to `tree` and records it.
pub(crate) fn publish(
    tx: &Tx<'_>,
    head: &mut HeadRecord,
    tree: TreeId,
    cause: RevisionCause,
    message: RevisionMessage,
    now: Timestamp,
) -> Result<RevisionId> {
    head.version += 1;
    head.tree = tree;
    head.modified = now;
    record(tx, head, cause, message, now)
}

/// Records the files of head as its newest revision.
pub(crate) fn record(
    tx: &Tx<'_>,
    head: &mut HeadRecord,
    cause: RevisionCause,
    message: RevisionMessage,
    now: Timestamp,
) -> Result<RevisionId> {
    let id = head.revision.map_or(RevisionId::new(1), RevisionId::next);
    let revision = RevisionRecord {
        id,
        parent: head.revision,
        tree: head.tree,
        version: head.version,
        cause,
        actor: message.actor,
        message: message.message,
        at: now,
        metadata: message.metadata,
    };
    tx.put_revision(&revision)?;
    head.revision = Some(id);
    head.recorded = Some(head.tree);
    tx.set_head(head)?;
    tx.tell(&Event::recorded(&revision))?;
    Ok(id)
}
