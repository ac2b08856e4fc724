//! Applying a copy to its parent, and bringing it up to what that is now.

use std::collections::BTreeMap;

use derive_setters::Setters;

use crate::Timestamp;
use crate::change::Author;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, EventKind};
use crate::glob::Glob;
use crate::id::{CopyId, OperationId, RevisionId, TreeId};
use crate::memo::{Once, Repeat};
use crate::path::TreePath;
use crate::reason::Reason;
use crate::store::{
    AppliedAs, CopyRecord, CopyState, HeadRecord, OperationCause, RevisionCause, RevisionRecord,
};
use crate::tree::{Decisions, Differences, Merged, changed_paths, merge, merge_decided};
use crate::workspace::batch::check_text;
use crate::workspace::nesting::{Parent, hand_on};
use crate::workspace::partial::{MAX_GLOBS, part};
use crate::workspace::resolve::check_decided;
use crate::workspace::tx::{Tx, next_operation};
use crate::workspace::{At, Workspace};

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
    /// What goes into the revision; of a copy whose parent is a copy, actor and message
    /// go into the operation, and metadata is refused.
    #[setters(into)]
    pub message: RevisionMessage,
    /// The tree that was reviewed; where the copy has another one by now, apply
    /// fails with `Stale`.
    #[setters(into)]
    pub expect_tree: Option<TreeId>,
    /// The parent that the copy had then, head or a copy; where it has another one by now,
    /// since that copy was applied, apply fails with `Stale`.
    #[setters(into)]
    pub expect_parent: Option<At>,
    /// Which of the copy's changes: those at paths that one of up to 100 globs matches, and
    /// the directories above them; all where there are none. The rest stays in the copy,
    /// which is based on what its parent is then.
    pub only: Vec<Glob>,
    /// Whether the copy is rebased first where its parent is not what it is based on, in the
    /// same transaction; in the name of the message's actor, and with its text as the note.
    /// What is expected is the tree that it has before.
    pub rebase: bool,
}

impl ApplyOptions {
    /// Refuses what cannot be asked for.
    fn check(&self) -> Result<()> {
        self.message.check("apply")?;
        if let Some(at @ (At::Revision(_) | At::Tree(_))) = self.expect_parent {
            return Err(Error::invalid(Reason::MalformedArgument, "apply")
                .at(at)
                .because("a parent is head or a copy"));
        }
        match self.only.len() > MAX_GLOBS {
            false => Ok(()),
            true => Err(Error::new(ErrorKind::LimitExceeded, "apply")
                .because(format!("more than {MAX_GLOBS} globs"))),
        }
    }

    /// Returns why a copy is refused by its tree, or its parent.
    pub(crate) fn refuses(&self, copy: &CopyRecord) -> Option<Error> {
        let parent = copy.parent.map_or(At::Head, At::Copy);
        let why = match (self.expect_tree, self.expect_parent) {
            (Some(expected), _) if expected != copy.tree => {
                format!("its tree is {}, not {expected}", copy.tree)
            }
            (_, Some(expected)) if expected != parent => {
                format!("its parent is {parent}, not {expected}")
            }
            _ => return None,
        };
        let stale = Error::new(ErrorKind::Stale, "apply").at(copy.id);
        Some(stale.because(why))
    }
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
        /// Whether the copy has changes at other paths, which stay in it: it is open.
        in_part: bool,
    },
    /// The copy that is its parent has its files, by this operation. Nothing was
    /// published.
    ToParent {
        /// The operation.
        operation: OperationId,
        /// Whether an apply before this one had done it already.
        already: bool,
        /// Whether the copy has changes at other paths, which stay in it: it is open.
        in_part: bool,
    },
    /// There was no change to apply, or none but of times: nothing was applied, and
    /// the copy stays open.
    Unchanged {
        /// Whether the copy has changes at other paths than those that were asked for.
        in_part: bool,
    },
}

impl Applied {
    fn new(applied: AppliedAs, already: bool, in_part: bool) -> Self {
        match applied {
            AppliedAs::Revision(revision) => Self::Published {
                revision,
                already,
                in_part,
            },
            AppliedAs::Operation(operation) => Self::ToParent {
                operation,
                already,
                in_part,
            },
        }
    }

    /// Tells whether something was applied, by this apply or one before it.
    pub(crate) fn is_some(&self) -> bool {
        !matches!(self, Self::Unchanged { .. })
    }
}

/// What a rebase led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebased {
    /// The copy after it.
    pub copy: CopyRecord,
    /// The operation that brought the parent's changes in; `None` where the files of
    /// the copy stay as they are.
    pub operation: Option<OperationId>,
}

impl Workspace {
    /// Applies a copy to its parent. A few rows, whatever the tree's size, and two for
    /// each open copy right below it, whose parent is its parent's then.
    ///
    /// Where its parent is head, it is published: it becomes head, and a revision
    /// records it. Where head holds writes that no revision records, they are recorded
    /// first, so that no state of head is lost. Where its parent is a copy, that one
    /// has its files then, by one operation, which can be undone like any other.
    ///
    /// Where its parent's files moved, it fails, or [rebases](ApplyOptions::rebase) the copy
    /// first, if it is told to and nothing conflicts.
    ///
    /// Repeating it returns the same revision or operation. Repeating one that is limited
    /// to paths, at which nothing is left to apply, says so: the answer is
    /// [`Unchanged`](Applied::Unchanged) in part.
    ///
    /// # Errors
    /// `Conflict`, with the changed paths, where the parent's files are no longer those
    /// that the copy is based on; the copy stays open. `Stale` where its tree is
    /// not the expected one. `Closed` where it was discarded or has expired; `Invalid`
    /// for metadata where its parent is a copy; `NotFound`; what
    /// [`rebase`](Self::rebase) fails with, where it is told to.
    pub fn apply(&self, id: CopyId, options: ApplyOptions) -> Result<Applied> {
        options.check()?;
        let now = self.now();
        self.write("apply", |tx| self.apply_in(tx, id, options, now))
    }

    /// Applies a copy as [`apply`](Self::apply) does, once for its key: also where what the
    /// first call did is forgotten, or was none.
    ///
    /// # Errors
    /// As for [`apply`](Self::apply); `Invalid` where the key was used for another call;
    /// `LimitExceeded` where more of them are kept than may be.
    pub fn apply_once(
        &self,
        id: CopyId,
        options: ApplyOptions,
        once: &Once<'_, Applied>,
    ) -> Result<Repeat<Applied>> {
        options.check()?;
        let now = self.now();
        self.write("apply", |tx| {
            let apply = || self.apply_in(tx, id, options, now);
            self.once_in(tx, "apply", None, once, now, apply)
        })
    }

    pub(crate) fn apply_in(
        &self,
        tx: &Tx<'_>,
        id: CopyId,
        options: ApplyOptions,
        now: Timestamp,
    ) -> Result<Applied> {
        let mut copy = match tx.any_copy("apply", id)? {
            closed if matches!(closed.state, CopyState::Applied(_)) => closed,
            _ => tx.open_copy("apply", id, now)?,
        };
        // What was applied before is held against it as well.
        if let Some(refused) = options.refuses(&copy) {
            return Err(refused);
        }
        if let CopyState::Applied(applied) = copy.state {
            return Ok(Applied::new(applied, true, false));
        }
        if is_unchanged(tx, &copy.base, &copy.tree)? {
            return Ok(Applied::Unchanged { in_part: false });
        }
        let parent = Parent::of(tx, "apply", &copy)?;
        if options.rebase {
            let RevisionMessage { actor, message, .. } = &options.message;
            let author = Author::new(actor.clone(), message.clone());
            let decisions = Decisions::default();
            let rebased = self.rebase_in(tx, copy, &parent, &decisions, &author, now)?;
            copy = rebased.copy;
            // Its parent may have arrived at the same.
            if is_unchanged(tx, &copy.base, &copy.tree)? {
                return Ok(Applied::Unchanged { in_part: false });
            }
        } else if parent.moved(tx, &copy)? {
            let changed = changed_paths(tx, &copy.base, &parent.tree(), &copy.tree)?;
            return Err(Error::conflicting("apply", changed).at(id));
        }
        let tree = match options.only.is_empty() {
            true => copy.tree,
            false => match part(tx, &parent.tree(), &copy.tree, &options.only)? {
                None => return Ok(Applied::Unchanged { in_part: true }),
                // Nothing is left but times.
                Some(part) if is_unchanged(tx, &part, &copy.tree)? => copy.tree,
                Some(part) => part,
            },
        };
        let in_part = tree != copy.tree;
        let applied = apply_to(tx, copy, parent, tree, options.message, now)?;
        Ok(Applied::new(applied, false, in_part))
    }

    /// Moves a copy onto what its parent, head or a copy, is now, by three-way
    /// comparison at the level of paths, as one operation. Costs what the copy changed
    /// in directories that its parent changed too; where one of them has not moved,
    /// nothing.
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
            let copy = tx.open_copy("rebase", id, now)?;
            let parent = Parent::of(tx, "rebase", &copy)?;
            self.rebase_in(tx, copy, &parent, &Decisions::default(), author, now)
        })
    }

    /// Moves `copy` onto `parent` as it is now, with what was decided.
    pub(crate) fn rebase_in(
        &self,
        tx: &Tx<'_>,
        mut copy: CopyRecord,
        parent: &Parent,
        decisions: &Decisions,
        author: &Author,
        now: Timestamp,
    ) -> Result<Rebased> {
        let (version, theirs) = (parent.version(), parent.tree());
        let trees = [&copy.base, &theirs, &copy.tree];
        let decided = !decisions.is_empty();
        if decided {
            check_decided(tx, copy.id, trees, decisions)?;
        }
        if (version, theirs) == (copy.base_version, copy.base) {
            return Ok(Rebased {
                copy,
                operation: None,
            });
        }
        let merged = match decided {
            true => merge_decided(tx, trees, decisions).map(Merged::Tree)?,
            false => merge(tx, &copy.base, &theirs, &copy.tree)?,
        };
        let tree = match merged {
            Merged::Tree(directory) => {
                // Too large a tree may come back where it is there already.
                self.check_entries(tx, "rebase", &copy.tree, &directory)
                    .or_else(|_| self.check_entries(tx, "rebase", &theirs, &directory))?;
                directory.tree
            }
            Merged::Conflict(conflict) => {
                return Err(Error::conflicting("rebase", conflict).at(copy.id));
            }
        };
        copy.base = theirs;
        copy.base_version = version;
        let operation = if tree == copy.tree {
            copy.modified = now;
            tx.put_copy(&copy)?;
            tx.tell(&Event::moved(EventKind::Rebased, &copy, &author.actor))?;
            None
        } else {
            let cause = OperationCause::Rebase(version);
            let operation = next_operation(&copy, cause, author, now, tree);
            tx.move_copy(&mut copy, &operation, now)?;
            Some(operation.id)
        };
        Ok(Rebased { copy, operation })
    }
}

/// Makes `tree`, all of a copy or a part of what it changed, that of `parent`. With all of
/// it the copy is closed; otherwise it is based on what its parent is then.
fn apply_to(
    tx: &Tx<'_>,
    mut copy: CopyRecord,
    parent: Parent,
    tree: TreeId,
    message: RevisionMessage,
    now: Timestamp,
) -> Result<AppliedAs> {
    let actor = message.actor.clone();
    let whole = tree == copy.tree;
    let (applied, version) = match parent {
        Parent::Head(mut head) => {
            record_head(tx, &mut head, now)?;
            let cause = match whole {
                true => RevisionCause::Apply(copy.id),
                false => RevisionCause::ApplyInPart(copy.id),
            };
            let revision = publish(tx, &mut head, tree, cause, message, now)?;
            (AppliedAs::Revision(revision), head.version)
        }
        Parent::Copy(mut parent) => {
            if !message.metadata.is_empty() {
                return Err(Error::invalid(Reason::Contradiction, "apply")
                    .at("metadata")
                    .because("its parent is a copy, and only revisions keep metadata"));
            }
            let author = Author::new(message.actor, message.message);
            let cause = OperationCause::Apply(copy.id);
            let operation = next_operation(&parent, cause, &author, now, tree);
            tx.move_copy(&mut parent, &operation, now)?;
            if whole {
                tx.tell(&Event::of_copy(EventKind::AppliedToParent, copy.id, now))?;
            }
            (AppliedAs::Operation(operation.id), parent.generation)
        }
    };
    copy.modified = now;
    if whole {
        hand_on(tx, &copy, version, now)?;
        copy.state = CopyState::Applied(applied);
        tx.put_copy(&copy)?;
    } else {
        (copy.base, copy.base_version) = (tree, version);
        tx.put_copy(&copy)?;
        tx.tell(&Event::moved(EventKind::Rebased, &copy, &actor))?;
    }
    Ok(applied)
}

/// Tells whether nothing but times differs. Reads up to the first path that does,
/// and takes what it would have to look at for too long as changed.
pub(super) fn is_unchanged(tx: &Tx<'_>, old: &TreeId, new: &TreeId) -> Result<bool> {
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
