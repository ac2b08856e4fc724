//! Upkeep: all that has to be done now and then, in bounded steps, and when.
//!
//! Where it is, is in the store: what has expired is found by index, and the
//! collection keeps its place. So it goes on after a crash between any two steps.

use derive_setters::Setters;

use crate::entry::Timestamp;
use crate::error::Result;
use crate::store::{CollectionPhase, MetaTx as _};
use crate::workspace::Workspace;
use crate::workspace::collect::{CollectBudget, Collected};
use crate::workspace::copies::{expire, forget};
use crate::workspace::memos::trim;
use crate::workspace::revisions::{KeepRevisions, prunable_from, prune};
use crate::workspace::tx::Tx;

/// After how many times [`Upkeep::idle`] a collection begins even where changes
/// never stop for so long.
const PATIENCE: i64 = 24;

/// How to keep house.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Setters)]
#[non_exhaustive]
pub struct Upkeep {
    /// Which revisions are kept; `None` for all.
    #[setters(into)]
    pub keep_revisions: Option<KeepRevisions>,
    /// How much a step may do.
    pub budget: CollectBudget,
    /// How long nothing must have changed before a collection begins, in
    /// milliseconds; `None` begins one at once, whether or not anything changed.
    #[setters(into)]
    pub idle: Option<i64>,
}

impl Default for Upkeep {
    /// All revisions, 1,000 rows, an hour.
    fn default() -> Self {
        Self {
            keep_revisions: None,
            budget: CollectBudget::default(),
            idle: Some(60 * 60 * 1000),
        }
    }
}

/// What a step of upkeep did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UpkeepStep {
    /// Copies that had expired and were discarded.
    pub expired: u64,
    /// Closed copies whose time of being remembered was up.
    pub forgotten: u64,
    /// Revisions deleted.
    pub pruned: u64,
    /// How far the collection is; `None` where none was due, or the budget was
    /// used up before.
    pub collected: Option<Collected>,
    /// When to take the next step.
    pub next: NextStep,
}

/// When upkeep wants its next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextStep {
    /// At once: there is more to do.
    Now,
    /// Then, and not before, unless something changes.
    At(Timestamp),
    /// Not until something changes.
    Never,
}

impl NextStep {
    /// Returns whichever comes first.
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Now, _) | (_, Self::Now) => Self::Now,
            (Self::At(one), Self::At(other)) => Self::At(one.min(other)),
            (Self::Never, next) | (next, Self::Never) => next,
        }
    }

    fn at(time: Timestamp, now: Timestamp) -> Self {
        match time <= now {
            true => Self::Now,
            false => Self::At(time),
        }
    }
}

impl Workspace {
    /// Takes one step of upkeep: discards copies that have expired, forgets
    /// closed ones whose time is up, prunes revisions, deletes memos that are kept no
    /// longer, then takes a step of the collection under way or begins one that is due.
    /// In all it does about as much as the budget says. Where there is nothing to do it
    /// writes nothing and reads a few rows.
    ///
    /// Grants that have expired wait for the next collection. Objects of uploads
    /// that led to no change are a reason for one, as a change is; after a crash
    /// they wait for the next.
    ///
    /// # Errors
    /// Those of the stores; `Corrupt` where a node is missing, and then nothing
    /// is deleted. Repeating it goes on where it stopped.
    pub async fn upkeep(&self, policy: &Upkeep) -> Result<UpkeepStep> {
        let now = self.now();
        let limit = policy.budget.rows.max(1);
        let (mut step, left) = self.write("keep house", |tx| {
            let mut left = limit;
            let expired = expire(tx, left, now)?;
            left -= (expired as usize).min(left);
            let forgotten = forget(tx, &mut left, self.forget_until(now))?;
            let pruned = match policy.keep_revisions {
                Some(keep) => prune(tx, keep, left, now)?,
                None => 0,
            };
            left -= (pruned as usize).min(left);
            left -= (trim(tx, left, self.memos_until(now), now)? as usize).min(left);
            let step = UpkeepStep {
                expired,
                forgotten,
                pruned,
                collected: None,
                next: match left {
                    0 => NextStep::Now,
                    _ => self.next_step(tx, policy, now)?,
                },
            };
            Ok((step, left))
        })?;
        if step.next != NextStep::Now || left == 0 {
            return Ok(step);
        }
        let collected = self.collect(CollectBudget::default().rows(left)).await?;
        step.collected = Some(collected);
        if collected.done {
            // What began at once in any case need not do so again.
            let policy = policy.idle(policy.idle.or(Some(0)));
            step.next = self.read("keep house", |tx| self.next_step(tx, &policy, now))?;
        }
        Ok(step)
    }

    /// Returns when the next step is due, given that nothing has expired and
    /// nothing is left to forget, to prune or to trim.
    fn next_step(&self, tx: &Tx<'_>, policy: &Upkeep, now: Timestamp) -> Result<NextStep> {
        let mut next = self.next_collection(tx, policy.idle, now)?;
        let ever = Timestamp::from_millis(Timestamp::MAX_MILLIS);
        let first = tx.rows.expiring_copies(ever, 1)?;
        if let Some(expires) = first.first().and_then(|copy| copy.expires) {
            next = next.or(NextStep::at(expires, now));
        }
        if let Some(closed) = tx.rows.closed_copies(ever, 1)?.first() {
            let keep = self.inner.options.keep_closed_copies;
            next = next.or(NextStep::at(closed.modified.plus_millis(keep), now));
        }
        if let Some(oldest) = tx.rows.memos(0, 1)?.first() {
            let keep = self.inner.options.keep_memos;
            next = next.or(NextStep::at(oldest.at.plus_millis(keep), now));
        }
        if let Some(keep) = policy.keep_revisions
            && let Some(time) = prunable_from(tx, keep, now)?
        {
            next = next.or(NextStep::at(time, now));
        }
        Ok(next)
    }

    /// Returns when to take the next step of a collection.
    fn next_collection(&self, tx: &Tx<'_>, idle: Option<i64>, now: Timestamp) -> Result<NextStep> {
        let began = match tx.rows.collection()? {
            Some(last) if last.phase == CollectionPhase::Done => last.began,
            Some(_) => return Ok(NextStep::Now),
            None => 0,
        };
        let Some(idle) = idle else {
            return Ok(NextStep::Now);
        };
        // Whatever makes garbage is an event.
        let last = tx.rows.last_event()?;
        let at = |after| -> Result<Option<Timestamp>> {
            let found = tx.rows.events(after, 1)?;
            Ok(found.first().map(|found| found.event.at))
        };
        // The first since it began, if there is one, and the newest.
        let changed = match (at(began)?, at(last.saturating_sub(1))?) {
            // Where the clock went back, nobody knows how long ago that was.
            (Some(first), Some(newest)) if first.max(newest) > now => NextStep::Now,
            (Some(first), Some(newest)) => {
                let calm = newest.plus_millis(idle);
                let late = first.plus_millis(idle.saturating_mul(PATIENCE));
                NextStep::at(calm.min(late), now)
            }
            _ => NextStep::Never,
        };
        let left = self
            .inner
            .in_flight
            .left_since(now, |key| tx.rows.has_object(key))?;
        Ok(match left {
            Some(since) => changed.or(NextStep::at(since.plus_millis(idle), now)),
            None => changed,
        })
    }
}
