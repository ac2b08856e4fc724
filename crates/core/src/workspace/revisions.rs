//! Revisions: recording head, making an old one head again, pruning.

use derive_setters::Setters;

use crate::entry::Timestamp;
use crate::error::Result;
use crate::event::Event;
use crate::id::RevisionId;
use crate::store::{MetaTx as _, RevisionCause, RevisionRecord};
use crate::workspace::Workspace;
use crate::workspace::apply::{RevisionMessage, publish, record, record_head};
use crate::workspace::tx::Tx;

/// How many revisions a pruning looks at in one transaction.
const PAGE: usize = 200;

/// What recording or restoring led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// This revision records head.
    Published(RevisionId),
    /// Head had these files already, and no revision was added. Holds head's
    /// newest revision.
    Unchanged(Option<RevisionId>),
}

/// Which revisions pruning keeps, besides the newest, which always stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Setters)]
#[non_exhaustive]
pub struct KeepRevisions {
    /// As many of the newest.
    pub newest: u64,
    /// Those recorded since.
    #[setters(into)]
    pub since: Option<Timestamp>,
}

impl KeepRevisions {
    /// Tells whether a revision is kept as one of the newest.
    fn by_number(&self, id: RevisionId, newest: RevisionId) -> bool {
        // The numbers have no gap, so they also count.
        newest.get().saturating_sub(id.get()) < self.newest.max(1)
    }
}

impl Workspace {
    /// Records head as it is. Three rows, whatever the tree's size.
    pub fn snapshot(&self, message: RevisionMessage) -> Result<Recorded> {
        message.check("snapshot")?;
        let now = self.now();
        self.write("snapshot", |tx| {
            let mut head = tx.head()?;
            if head.recorded == Some(head.tree) {
                return Ok(Recorded::Unchanged(head.revision));
            }
            record(tx, &mut head, RevisionCause::Snapshot, message, now).map(Recorded::Published)
        })
    }

    /// Makes a revision's tree head again, as a new revision. A few rows,
    /// whatever the tree's size. Where head holds writes that no revision
    /// records, they are recorded first.
    ///
    /// # Errors
    /// `NotFound` for a revision that is not there (any more).
    pub fn restore(&self, id: RevisionId, message: RevisionMessage) -> Result<Recorded> {
        message.check("restore")?;
        let now = self.now();
        self.write("restore", |tx| {
            let revision = tx.revision("restore", id)?;
            let mut head = tx.head()?;
            if head.tree == revision.tree {
                return Ok(Recorded::Unchanged(head.revision));
            }
            record_head(tx, &mut head, now)?;
            publish(
                tx,
                &mut head,
                revision.tree,
                RevisionCause::Restore(id),
                message,
                now,
            )
            .map(Recorded::Published)
        })
    }

    /// Returns a revision.
    ///
    /// # Errors
    /// `NotFound`; also for one that was pruned.
    pub fn revision(&self, id: RevisionId) -> Result<RevisionRecord> {
        self.read("read revision", |tx| tx.revision("read revision", id))
    }

    /// Returns up to `limit` revisions before `before`, newest first.
    pub fn revisions(
        &self,
        before: Option<RevisionId>,
        limit: usize,
    ) -> Result<Vec<RevisionRecord>> {
        self.read("list revisions", |tx| tx.rows.revisions(before, limit))
    }

    /// Deletes the oldest revisions, up to the first that `keep` names; returns
    /// how many. The files that only they held are reclaimed by collection.
    /// Commits in steps.
    pub fn prune_revisions(&self, keep: KeepRevisions) -> Result<u64> {
        let now = self.now();
        let mut pruned = 0;
        loop {
            let step = self.write("prune revisions", |tx| prune(tx, keep, PAGE, now))?;
            pruned += step;
            if step < PAGE as u64 {
                return Ok(pruned);
            }
        }
    }
}

/// Deletes up to `limit` of the oldest revisions; returns how many.
pub(crate) fn prune(tx: &Tx<'_>, keep: KeepRevisions, limit: usize, now: Timestamp) -> Result<u64> {
    let Some(newest) = tx.head()?.revision else {
        return Ok(0);
    };
    let kept = |revision: &RevisionRecord| {
        keep.by_number(revision.id, newest) || keep.since.is_some_and(|since| revision.at >= since)
    };
    // Mostly there is nothing to prune, and one row says so.
    if tx.rows.oldest_revisions(1)?.first().is_none_or(kept) {
        return Ok(0);
    }
    let mut oldest = tx.rows.oldest_revisions(limit)?;
    let gone = oldest.iter().position(kept).unwrap_or(oldest.len());
    oldest.truncate(gone);
    for revision in &oldest {
        tx.rows.delete_revision(revision.id)?;
    }
    if let Some(last) = oldest.last() {
        tx.tell(&Event::pruned(last.id, now))?;
    }
    Ok(oldest.len() as u64)
}

/// Returns when the oldest revision, which is kept now, will be kept no more by
/// `keep` as it moves on with the time; `None` for as long as it is one of the newest.
pub(crate) fn prunable_from(
    tx: &Tx<'_>,
    keep: KeepRevisions,
    now: Timestamp,
) -> Result<Option<Timestamp>> {
    let (Some(since), Some(newest)) = (keep.since, tx.head()?.revision) else {
        return Ok(None);
    };
    let age = now.as_millis().saturating_sub(since.as_millis());
    let oldest = tx.rows.oldest_revisions(1)?;
    let oldest = oldest
        .first()
        .filter(|oldest| !keep.by_number(oldest.id, newest));
    Ok(oldest.map(|oldest| oldest.at.plus_millis(age).plus_millis(1)))
}
