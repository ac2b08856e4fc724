//! Several copies at once: where they meet, and applying those that do not.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use crate::conflict::PathList;
use crate::entry::Entry;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{CopyId, TreeId};
use crate::path::TreePath;
use crate::reason::Reason;
use crate::store::{CopyRecord, CopyState};
use crate::tree::{Differences, agree, may_hold};
use crate::workspace::Workspace;
use crate::workspace::apply::{Applied, ApplyOptions, RevisionMessage};
use crate::workspace::tx::Tx;

/// How many copies are looked at together.
const MAX_COPIES: usize = 100;
/// How many paths all of them may have changed.
const MAX_CHANGED: usize = 200_000;

/// How many bytes the paths that one answer names may have.
const MAX_NAMED: usize = 4 << 20;

/// The paths at which two copies meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlap {
    /// The copy that was named first.
    pub one: CopyId,
    /// The other.
    pub other: CopyId,
    /// What both changed, without arriving at the same, or what one put below what the
    /// other removed or made a file.
    pub paths: PathList,
}

/// A copy that is to be applied with others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Together {
    /// The copy.
    pub copy: CopyId,
    /// The tree that was reviewed; where the copy has another one by now, nothing is
    /// applied.
    pub expect_tree: Option<TreeId>,
}

impl From<CopyId> for Together {
    fn from(copy: CopyId) -> Self {
        Self {
            copy,
            expect_tree: None,
        }
    }
}

impl Workspace {
    /// Lists the pairs of copies that changed the same paths, each since what it is based
    /// on, with those paths; after 4 MiB of them they are counted only. Pairs that do not
    /// meet are not listed.
    ///
    /// # Errors
    /// `LimitExceeded` for more than 100 copies, or 200,000 changed paths in all; `Invalid`
    /// for a copy that is named twice; `NotFound`, `Closed`.
    pub fn overlap(&self, copies: &[CopyId]) -> Result<Vec<Overlap>> {
        check_distinct("compare copies", copies.iter().copied())?;
        let now = self.now();
        self.read("compare copies", |tx| {
            let mut left = MAX_CHANGED;
            let changed = copies.iter().map(|id| {
                let copy = tx.open_copy("compare copies", *id, now)?;
                changes(tx, &copy, &mut left)
            });
            let changed = changed.collect::<Result<Vec<_>>>()?;
            let mut overlaps = Vec::new();
            let mut room = MAX_NAMED;
            for (at, (one, ours)) in copies.iter().zip(&changed).enumerate() {
                for (other, theirs) in copies.iter().zip(&changed).skip(at + 1) {
                    let mut paths = meet(ours, theirs);
                    paths.paths.retain(|path| {
                        room = room.saturating_sub(path.as_str().len());
                        room > 0
                    });
                    if paths.count > 0 {
                        let (one, other) = (*one, *other);
                        overlaps.push(Overlap { one, other, paths });
                    }
                }
            }
            Ok(overlaps)
        })
    }

    /// Applies copies of one parent, one after the other, each as a revision or operation
    /// of its own, or none of them: one transaction. A copy whose parent's files moved,
    /// also by an apply before it, is rebased first.
    ///
    /// A copy without a change stays open, and its answer says so; so does one that was
    /// applied before.
    ///
    /// # Errors
    /// `Conflict`, naming the copy, with the paths at which it and what was applied before
    /// it meet; `Stale` where an open one has another tree than expected; `Invalid` for copies of
    /// different parents, and for one that is named twice; `LimitExceeded` for more than
    /// 100; what a rebase and an apply fail with.
    pub fn apply_all(
        &self,
        copies: &[Together],
        message: &RevisionMessage,
    ) -> Result<Vec<Applied>> {
        message.check("apply")?;
        check_distinct("apply", copies.iter().map(|one| one.copy))?;
        let now = self.now();
        self.write("apply", |tx| {
            // As they are before anything is applied, which hands on what is below.
            let mut parents = BTreeSet::new();
            for one in copies {
                parents.insert(tx.any_copy("apply", one.copy)?.parent);
                if parents.len() > 1 {
                    return Err(Error::invalid(Reason::Contradiction, "apply")
                        .at(one.copy)
                        .because("its parent is another one than that of those before"));
                }
            }
            let applied = copies.iter().map(|one| {
                let mut options = ApplyOptions::default()
                    .message(message.clone())
                    .rebase(true);
                // What was applied before stays so, whatever is expected now.
                if tx.any_copy("apply", one.copy)?.state == CopyState::Open {
                    options.expect_tree = one.expect_tree;
                }
                self.apply_in(tx, one.copy, options, now)
            });
            applied.collect()
        })
    }
}

fn check_distinct(operation: &'static str, copies: impl Iterator<Item = CopyId>) -> Result<()> {
    let mut met = BTreeSet::new();
    for copy in copies {
        if !met.insert(copy) {
            return Err(Error::invalid(Reason::Contradiction, operation)
                .at(copy)
                .because("it is named twice"));
        }
    }
    match met.len() > MAX_COPIES {
        true => Err(Error::new(ErrorKind::LimitExceeded, operation)
            .because(format!("more than {MAX_COPIES} copies"))),
        false => Ok(()),
    }
}

/// What a copy changed: paths in byte order, and what is there now.
type Changes = Vec<(TreePath, Option<Entry>)>;

fn changes(tx: &Tx<'_>, copy: &CopyRecord, left: &mut usize) -> Result<Changes> {
    let root = TreePath::root();
    let mut differences = Differences::new(tx, &root, &copy.base, &copy.tree, None)?;
    let mut changes = Vec::new();
    while let Some((path, _, new)) = differences.next(tx)? {
        *left = left.checked_sub(1).ok_or_else(|| {
            Error::new(ErrorKind::LimitExceeded, "compare copies").because(format!(
                "the copies changed more than {MAX_CHANGED} paths in all"
            ))
        })?;
        changes.push((path, new));
    }
    Ok(changes)
}

/// Returns the paths at which two sides meet.
fn meet(ours: &Changes, theirs: &Changes) -> PathList {
    let mut met = PathList::default();
    let (mut ours, mut theirs) = (Side::over(ours), Side::over(theirs));
    loop {
        let first = match (ours.front(), theirs.front()) {
            (None, None) => return met,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((ours, _)), Some((theirs, _))) => ours.cmp(theirs),
        };
        match first {
            Ordering::Less => alone(&mut ours, &mut theirs, &mut met),
            Ordering::Greater => alone(&mut theirs, &mut ours, &mut met),
            Ordering::Equal => {
                if let (Some((path, one)), Some((_, other))) = (ours.take(), theirs.take())
                    && !agree(one, other)
                {
                    met.push(path);
                }
            }
        }
    }
}

/// Takes what only one side changed at its path.
fn alone(mine: &mut Side<'_>, other: &mut Side<'_>, met: &mut PathList) {
    if let Some((path, new)) = mine.take()
        && new.is_some()
        && other.has_closed(path)
    {
        met.push(path);
    }
}

/// The changes of one side, and which of those before are no directory any more.
struct Side<'c> {
    changes: std::iter::Peekable<std::slice::Iter<'c, (TreePath, Option<Entry>)>>,
    /// Each below the one before it.
    closed: Vec<&'c TreePath>,
}

impl<'c> Side<'c> {
    fn over(changes: &'c Changes) -> Self {
        Self {
            changes: changes.iter().peekable(),
            closed: Vec::new(),
        }
    }

    fn front(&mut self) -> Option<&'c (TreePath, Option<Entry>)> {
        self.changes.peek().copied()
    }

    fn take(&mut self) -> Option<&'c (TreePath, Option<Entry>)> {
        let next = self.changes.next()?;
        if !matches!(next.1, Some(Entry::Directory(_))) {
            self.closed.retain(|closed| may_hold(closed, &next.0));
            self.closed.push(&next.0);
        }
        Some(next)
    }

    fn has_closed(&mut self, path: &TreePath) -> bool {
        self.closed.retain(|closed| may_hold(closed, path));
        self.closed.iter().any(|closed| path.starts_with(closed))
    }
}
