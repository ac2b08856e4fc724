//! Copies of copies: what a copy is based on, and what becomes of those below one
//! that is closed.

use std::collections::BTreeMap;

use crate::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, EventKind};
use crate::id::{CopyId, TreeId};
use crate::reason::Reason;
use crate::store::{CopyRecord, CopyState, HeadRecord, MetaTx as _};
use crate::workspace::At;
use crate::workspace::apply::is_unchanged;
use crate::workspace::tx::Tx;

/// How many copies may be one below the other.
pub(crate) const MAX_DEPTH: usize = 8;
/// How many open copies may be below one whose parent is head, in all: they are
/// closed in one transaction with it.
pub(crate) const MAX_NESTED: usize = 1000;

/// What a copy is based on and applied to.
pub(crate) enum Parent {
    /// Head.
    Head(HeadRecord),
    /// Another open copy.
    Copy(CopyRecord),
}

impl Parent {
    /// Returns that of an open copy.
    pub(crate) fn of(tx: &Tx<'_>, operation: &'static str, copy: &CopyRecord) -> Result<Self> {
        let Some(id) = copy.parent else {
            return Ok(Self::Head(tx.head()?));
        };
        let parent = tx.rows.copy(&id)?;
        // It closes with what is above it, and expires no later.
        let parent = parent.filter(|parent| parent.state == CopyState::Open);
        let parent = parent.ok_or_else(|| {
            Error::new(ErrorKind::Corrupt, operation)
                .at(copy.id)
                .because(format!("its parent, copy {id}, is not open"))
        })?;
        Ok(Self::Copy(parent))
    }

    /// Returns its files.
    pub(crate) fn tree(&self) -> TreeId {
        match self {
            Self::Head(head) => head.tree,
            Self::Copy(parent) => parent.tree,
        }
    }

    /// Tells whether its files are no longer those that `copy` is based on, so that an apply
    /// of it is refused. A time alone is no move.
    pub(crate) fn moved(&self, tx: &Tx<'_>, copy: &CopyRecord) -> Result<bool> {
        is_unchanged(tx, &copy.base, &self.tree()).map(|unchanged| !unchanged)
    }

    /// Returns the version of head, or the generation of a copy.
    pub(crate) fn version(&self) -> u64 {
        match self {
            Self::Head(head) => head.version,
            Self::Copy(parent) => parent.generation,
        }
    }
}

/// What a copy begins as.
pub(crate) struct Start {
    pub(crate) parent: Option<CopyId>,
    pub(crate) top: Option<CopyId>,
    pub(crate) version: u64,
    pub(crate) tree: TreeId,
    /// When what it is a copy of expires.
    pub(crate) expires: Option<Timestamp>,
}

impl Start {
    /// Returns that of a fork of `of`. Reads a row for each copy above, and for each below
    /// the topmost of these.
    ///
    /// # Errors
    /// `LimitExceeded` where there are as many copies one below the other, or below
    /// the topmost, as may be; `Invalid` for a bare tree; `NotFound`, `Closed`.
    pub(crate) fn of(tx: &Tx<'_>, of: At, now: Timestamp) -> Result<Self> {
        let start = |version, tree| Self {
            parent: None,
            top: None,
            version,
            tree,
            expires: None,
        };
        match of {
            At::Head => tx.head().map(|head| start(head.version, head.tree)),
            At::Revision(id) => {
                let revision = tx.revision("fork", id)?;
                Ok(start(revision.version, revision.tree))
            }
            At::Copy(id) => {
                let parent = tx.open_copy("fork", id, now)?;
                let top = parent.top.unwrap_or(id);
                check_room(tx, &parent, top)?;
                Ok(Self {
                    parent: Some(id),
                    top: Some(top),
                    expires: parent.expires,
                    ..start(parent.generation, parent.tree)
                })
            }
            At::Tree(_) => Err(Error::invalid(Reason::MalformedArgument, "fork")
                .at(of)
                .because("there is nothing to apply it to: fork head, a revision or a copy")),
        }
    }
}

/// Makes sure that there may be one more copy below `parent`.
fn check_room(tx: &Tx<'_>, parent: &CopyRecord, top: CopyId) -> Result<()> {
    let exceeded = |why: String| {
        Error::new(ErrorKind::LimitExceeded, "fork")
            .at(parent.id)
            .because(why)
    };
    let mut above = parent.parent;
    let mut depth = 1;
    while let Some(id) = above {
        depth += 1;
        if depth >= MAX_DEPTH {
            return Err(exceeded(format!(
                "{MAX_DEPTH} copies are one below the other, as many as may be"
            )));
        }
        above = tx.any_copy("fork", id)?.parent;
    }
    match tx.rows.count_nested(&top)? >= MAX_NESTED as u64 {
        true => Err(exceeded(format!(
            "{MAX_NESTED} open copies are below copy {top}, as many as may be"
        ))),
        false => Ok(()),
    }
}

/// Returns the open copies below `copy`, in the order of their ids.
fn below(tx: &Tx<'_>, copy: &CopyRecord) -> Result<Vec<CopyRecord>> {
    let top = copy.top.unwrap_or(copy.id);
    // Not more than there may be, and what is damaged does not go on for ever.
    let mut nested = tx.rows.nested(&top, MAX_NESTED)?;
    let parents: BTreeMap<_, _> = nested.iter().map(|it| (it.id, it.parent)).collect();
    let is_below = |id: CopyId| {
        let above = std::iter::successors(Some(id), |id| *parents.get(id)?);
        above.skip(1).take(MAX_DEPTH).any(|above| above == copy.id)
    };
    nested.retain(|nested| is_below(nested.id));
    Ok(nested)
}

/// Closes a copy and those below it, which were `kind`: discarded or expired. Returns
/// the copy, and how many were closed.
pub(crate) fn close(
    tx: &Tx<'_>,
    copy: CopyRecord,
    kind: EventKind,
    now: Timestamp,
) -> Result<(CopyRecord, u64)> {
    let nested = below(tx, &copy)?;
    let count = nested.len() as u64 + 1;
    let copy = close_one(tx, copy, kind, now)?;
    for nested in nested {
        close_one(tx, nested, kind, now)?;
    }
    Ok((copy, count))
}

fn close_one(
    tx: &Tx<'_>,
    mut copy: CopyRecord,
    kind: EventKind,
    now: Timestamp,
) -> Result<CopyRecord> {
    copy.state = CopyState::Discarded;
    copy.modified = now;
    tx.put_copy(&copy)?;
    tx.tell(&Event::of_copy(kind, copy.id, now))?;
    Ok(copy)
}

/// Gives the open copies right below `copy`, which was applied and is now at `version`
/// of its parent, that parent. Their files stay, and so does what they are based on;
/// where that is not what was applied, they are based on the version before.
pub(crate) fn hand_on(tx: &Tx<'_>, copy: &CopyRecord, version: u64, now: Timestamp) -> Result<()> {
    let nested = below(tx, copy)?;
    let mut tops: BTreeMap<CopyId, CopyId> = BTreeMap::new();
    if copy.parent.is_none() {
        // Each that has head as its parent now is the top of those below it.
        let parents: BTreeMap<_, _> = nested.iter().map(|it| (it.id, it.parent)).collect();
        for nested in &nested {
            let above = std::iter::successors(Some(nested.id), |id| *parents.get(id)?);
            let top = above.take_while(|id| *id != copy.id).take(MAX_DEPTH).last();
            tops.extend(top.map(|top| (nested.id, top)));
        }
    }
    for mut nested in nested {
        if nested.parent == Some(copy.id) {
            nested.parent = copy.parent;
            nested.top = copy.top;
            nested.base_version = match nested.base == copy.tree {
                true => version,
                false => version.saturating_sub(1),
            };
            tx.put_copy(&nested)?;
            tx.tell(&Event::reparented(&nested, now))?;
        } else if let Some(top) = tops.get(&nested.id) {
            nested.top = Some(*top);
            tx.put_copy(&nested)?;
            tx.tell(&Event::reparented(&nested, now))?;
        }
    }
    Ok(())
}
