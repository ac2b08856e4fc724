//! Rows: that they decode and agree with one another.

use crate::error::{ErrorKind, Result};
use crate::event::EventKind;
use crate::id::{CopyId, GrantId, OperationId, RevisionId, TreeId};
use crate::store::{
    AppliedAs, CopyRecord, CopyState, HeadRecord, MetaTx as _, OperationCause, OperationRecord,
    RevisionCause, RevisionRecord, WhichGrants,
};
use crate::workspace::fsck::nesting::misplaced;
use crate::workspace::fsck::table::{Page, page};
use crate::workspace::fsck::{Check, pass, readable, undecodable};
use crate::workspace::tx::Tx;

/// No number of a revision, an operation or an event is larger.
const MAX_NUMBER: u128 = 1 << 53;

/// How far the feed of events was read.
#[derive(Default)]
pub(super) struct Feed {
    /// The number of the last event that was read; 0 before the first.
    last: u64,
    /// Whether all events since the first one are there.
    whole: bool,
    /// The last revision that is known to have been pruned.
    pruned: Option<RevisionId>,
}

impl Feed {
    /// Takes note that some cannot be read, whatever they told.
    fn lost(&mut self) {
        self.whole = false;
        self.pruned = None;
    }

    /// Returns the newest revision that was pruned, 0 for none; `None` where the
    /// events do not reach back to it.
    fn pruned(&self) -> Option<u64> {
        match self.pruned {
            Some(id) => Some(id.get()),
            None => self.whole.then_some(0),
        }
    }
}

/// An open copy whose operations are being read.
struct Log {
    copy: CopyId,
    first: Option<OperationId>,
    last: Option<OperationRecord>,
    /// Whether one that does not decode was passed over.
    damaged: bool,
}

impl Check<'_> {
    /// Checks all rows but nodes and contents, and takes the trees that they keep.
    pub(super) async fn rows(&mut self) -> Result<()> {
        self.workspace.read("check", |tx| self.head(tx))?;
        self.events().await?;
        self.revisions().await?;
        self.copies().await?;
        self.grants().await?;
        self.memos().await
    }

    fn head(&mut self, tx: &Tx<'_>) -> Result<()> {
        self.decoded("collection", tx.rows.collection())?;
        let Some(found) = self.decoded("head", tx.rows.head())? else {
            self.partial = true;
            return Ok(());
        };
        let Some(head) = found else {
            self.problem("head", "it is missing");
            self.partial = true;
            return Ok(());
        };
        self.root(head.tree);
        // Pages of revisions tell which do not decode.
        let newest = readable(tx.rows.revisions(None, 1).map(|mut page| page.pop()))?;
        if let Some(newest) = newest
            && head.revision.is_none_or(|id| id < newest.id)
        {
            self.problem(
                "head",
                format!("revision {} is newer than its own", newest.id),
            );
        }
        if let Some(id) = head.revision {
            match tx.rows.revision(id) {
                Ok(Some(revision)) if head.recorded != Some(revision.tree) => {
                    self.problem("head", format!("revision {id} has another tree"));
                }
                Ok(Some(_)) => {}
                Ok(None) => self.problem("head", format!("revision {id} is missing")),
                Err(error) if error.kind() == ErrorKind::Corrupt => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads the events up to the newest of now: their numbers have no gap.
    async fn events(&mut self) -> Result<()> {
        let newest = self.workspace.read("check", |tx| tx.rows.last_event())?;
        while self.workspace.read("check", |tx| self.some_events(tx))? && self.feed.last < newest {
            pass().await;
        }
        Ok(())
    }

    /// Reads a page of events; returns whether there are more.
    fn some_events(&mut self, tx: &Tx<'_>) -> Result<bool> {
        let after = (self.feed.last > 0).then_some(u128::from(self.feed.last));
        let read = |after: Option<u128>, limit| tx.rows.events(after.unwrap_or(0) as u64, limit);
        let found = page(after, MAX_NUMBER, self.options.rows, read)?;
        for record in found.rows {
            let number = record.sequence;
            let missing = number.saturating_sub(self.feed.last + 1);
            if missing > 0 {
                // Those before the oldest were deleted, perhaps since the last page.
                let oldest = page(None, MAX_NUMBER, 1, read)?.rows;
                if oldest
                    .first()
                    .is_none_or(|oldest| oldest.sequence != number)
                {
                    self.problem(
                        format!("event {number}"),
                        format!("{missing} before it are missing"),
                    );
                }
                self.feed.lost();
            }
            self.feed.whole |= number == 1;
            self.feed.last = number;
            if record.event.kind == EventKind::Pruned {
                self.feed.pruned = record.event.revision;
            }
        }
        if let Some((number, why)) = found.damaged {
            self.problem(format!("event {number}"), undecodable(why.as_deref()));
            self.feed.lost();
            self.feed.last = number as u64;
        }
        Ok(found.more)
    }

    /// Checks revisions, newest first: each has the one before it for a parent, up
    /// to those that were pruned.
    async fn revisions(&mut self) -> Result<()> {
        let mut newer: Option<RevisionRecord> = None;
        let mut after = None;
        let mut damaged = false;
        loop {
            let more = self.workspace.read("check", |tx| {
                let found = page(after, MAX_NUMBER, self.options.rows, |after, limit| {
                    let before = after.map(|after| RevisionId::new((MAX_NUMBER - after) as u64));
                    tx.rows.revisions(before, limit)
                })?;
                for revision in found.rows {
                    after = Some(MAX_NUMBER - u128::from(revision.id.get()));
                    self.root(revision.tree);
                    self.revision(&revision, newer.as_ref().filter(|_| !damaged));
                    damaged = false;
                    newer = Some(revision);
                }
                if let Some((number, why)) = found.damaged {
                    after = Some(number);
                    damaged = true;
                    self.partial = true;
                    let number = MAX_NUMBER - number;
                    self.problem(format!("revision {number}"), undecodable(why.as_deref()));
                }
                Ok(found.more)
            })?;
            pass().await;
            if !more {
                break;
            }
        }
        // With what was pruned since they were read.
        self.events().await?;
        if let Some(oldest) = newer.filter(|_| !damaged) {
            self.oldest_revision(&oldest);
        }
        Ok(())
    }

    fn revision(&mut self, revision: &RevisionRecord, newer: Option<&RevisionRecord>) {
        if let RevisionCause::Restore(restored) = revision.cause
            && restored >= revision.id
        {
            self.problem(
                format!("revision {}", revision.id),
                format!("it restores {restored}, which is no earlier one"),
            );
        }
        let Some(newer) = newer else { return };
        let subject = format!("revision {}", newer.id);
        match newer.parent {
            Some(parent) if parent == revision.id => {}
            Some(parent) => self.problem(subject, format!("its parent {parent} is missing")),
            None => self.problem(
                subject,
                format!("revision {} is before it and not its parent", revision.id),
            ),
        }
        if revision.version > newer.version {
            self.problem(
                format!("revision {}", revision.id),
                format!("its version of head is beyond that of {}", newer.id),
            );
        }
    }

    /// Checks that those before the oldest were pruned, as far as the events tell.
    fn oldest_revision(&mut self, oldest: &RevisionRecord) {
        if let (Some(parent), Some(pruned)) = (oldest.parent, self.feed.pruned())
            && parent.get() > pruned
        {
            self.problem(
                format!("revision {}", oldest.id),
                format!("its parent {parent} is missing and was not pruned"),
            );
        }
    }

    async fn copies(&mut self) -> Result<()> {
        let mut after = None;
        let mut logs: Vec<Log> = Vec::new();
        let mut more = true;
        while more || !logs.is_empty() {
            self.workspace.read("check", |tx| {
                let mut left = self.options.rows;
                while left > 0 {
                    if let Some(log) = logs.pop() {
                        left = left.saturating_sub(1 + self.operations(tx, log, &mut logs)?);
                        continue;
                    }
                    if !more {
                        break;
                    }
                    let head = readable(tx.rows.head())?;
                    let found = page(after, u128::MAX, left, |after, limit| {
                        let after = after.map(|after| CopyId::from_bytes(after.to_be_bytes()));
                        tx.rows.copies(false, after.as_ref(), limit)
                    })?;
                    more = found.more;
                    left = left.saturating_sub(found.rows.len().max(1));
                    if let Some((id, why)) = found.damaged {
                        after = Some(id);
                        self.partial = true;
                        let id = CopyId::from_bytes(id.to_be_bytes());
                        self.problem(format!("copy {id}"), undecodable(why.as_deref()));
                    }
                    for copy in found.rows {
                        after = Some(u128::from_be_bytes(*copy.id.as_bytes()));
                        self.copy(tx, &copy, head.as_ref())?;
                        if copy.state == CopyState::Open {
                            logs.push(Log {
                                copy: copy.id,
                                first: None,
                                last: None,
                                damaged: false,
                            });
                        }
                    }
                }
                Ok(())
            })?;
            pass().await;
        }
        Ok(())
    }

    fn copy(&mut self, tx: &Tx<'_>, copy: &CopyRecord, head: Option<&HeadRecord>) -> Result<()> {
        let subject = format!("copy {}", copy.id);
        let parent = match copy.parent {
            Some(id) => readable(tx.rows.copy(&id))?,
            None => None,
        };
        let newest = match (copy.parent, &parent) {
            (None, _) => head.map(|head| head.version),
            (Some(_), parent) => parent.as_ref().map(|parent| parent.generation),
        };
        if newest.is_some_and(|newest| copy.base_version > newest) {
            let what = copy.parent.map_or("head", |_| "its parent");
            let detail = format!("its base is version {}, beyond {what}", copy.base_version);
            self.problem(&subject, detail);
        }
        match copy.state {
            CopyState::Open => {
                self.root(copy.base);
                self.root(copy.tree);
                for detail in misplaced(tx, copy, parent.as_ref())? {
                    self.problem(&subject, detail);
                }
            }
            CopyState::Applied(AppliedAs::Operation(id)) => {
                // The parent may be forgotten, or its operation trimmed.
                let found = match &parent {
                    Some(parent) => readable(tx.rows.operation(&parent.id, id))?,
                    None => None,
                };
                if found.is_some_and(|found| found.cause != OperationCause::Apply(copy.id)) {
                    let detail = format!("operation {id} of its parent does not come from it");
                    self.problem(&subject, detail);
                }
            }
            CopyState::Applied(AppliedAs::Revision(id)) => {
                let detail = match readable(tx.rows.revision(id))? {
                    Some(found) if found.cause != RevisionCause::Apply(copy.id) => {
                        Some(format!("revision {id} does not come from it"))
                    }
                    _ if head.is_some_and(|head| head.revision.is_none_or(|last| last < id)) => {
                        Some(format!("it was applied as revision {id}, beyond head's"))
                    }
                    _ => None,
                };
                if let Some(detail) = detail {
                    self.problem(&subject, detail);
                }
            }
            CopyState::Discarded => {}
        }
        Ok(())
    }

    /// Reads a page of the operations of an open copy, and checks the copy against
    /// them at their end. Returns how many it read.
    fn operations(&mut self, tx: &Tx<'_>, mut log: Log, logs: &mut Vec<Log>) -> Result<usize> {
        let id = log.copy;
        // As it is now, with all its operations.
        let copy = match readable(tx.rows.copy(&id))? {
            Some(copy) if copy.state == CopyState::Open => copy,
            _ => return Ok(0),
        };
        if let Some(last) = log.last.take() {
            log.last = match readable(tx.rows.operation(&id, last.id))? {
                // An import may have gone on with it.
                Some(again) => Some(again),
                None if self.is_trimmed(tx, &id, last.id)? => None,
                None => Some(last),
            };
        }
        let after = log.last.as_ref().map(|last| u128::from(last.id.get()));
        let Page {
            rows,
            damaged,
            more,
        } = page(after, MAX_NUMBER, self.options.rows, |after, limit| {
            let after = after.map(|after| OperationId::new(after as u64));
            tx.rows.operations(&id, after, limit)
        })?;
        let read = rows.len();
        for operation in rows {
            self.root(operation.before);
            self.root(operation.after);
            self.operation(&copy, &log, &operation);
            log.damaged = false;
            log.first.get_or_insert(operation.id);
            log.last = Some(operation);
        }
        if let Some((number, why)) = damaged {
            self.problem(
                format!("copy {id}"),
                format!("operation {number}: {}", undecodable(why.as_deref())),
            );
            log.damaged = true;
            self.partial = true;
            // Whatever it was, what follows is compared with nothing.
            let passed = OperationRecord {
                id: OperationId::new(number as u64),
                cause: OperationCause::Edit,
                actor: String::new(),
                note: String::new(),
                at: copy.modified,
                before: TreeId::empty(),
                after: TreeId::empty(),
            };
            log.first.get_or_insert(passed.id);
            log.last = Some(passed);
        }
        match more {
            true => logs.push(log),
            false => self.end_of_log(&copy, &log, !collects(tx)?),
        }
        Ok(read)
    }

    /// Tells whether a collection can have deleted an operation that was read, which
    /// it does from the oldest one on.
    fn is_trimmed(&self, tx: &Tx<'_>, copy: &CopyId, operation: OperationId) -> Result<bool> {
        if !collects(tx)? {
            return Ok(false);
        }
        let oldest = page(None, MAX_NUMBER, 1, |after, limit| {
            let after = after.map(|after| OperationId::new(after as u64));
            tx.rows.operations(copy, after, limit)
        })?;
        let damaged = oldest.damaged.map(|(number, _)| number);
        let oldest = oldest.rows.first().map(|oldest| oldest.id.get().into());
        Ok(oldest
            .or(damaged)
            .is_some_and(|oldest| oldest > u128::from(operation.get())))
    }

    fn operation(&mut self, copy: &CopyRecord, log: &Log, operation: &OperationRecord) {
        let Some(last) = log.last.as_ref().filter(|_| !log.damaged) else {
            return;
        };
        let subject = format!("copy {}", copy.id);
        let number = operation.id;
        if number.get() != last.id.get() + 1 {
            let detail = format!("operations between {} and {number} are missing", last.id);
            self.problem(subject, detail);
        } else if operation.before != last.after {
            let detail = format!("operation {number} does not begin where {} ends", last.id);
            self.problem(subject, detail);
        }
    }

    /// Checks a copy against all of its operations; `never` says that no collection
    /// can have deleted some.
    fn end_of_log(&mut self, copy: &CopyRecord, log: &Log, never: bool) {
        let subject = format!("copy {}", copy.id);
        let last = log.last.as_ref();
        if last.map(|last| last.id) != copy.operation {
            self.problem(&subject, "its newest operation is missing");
        } else if last.is_some_and(|last| !log.damaged && last.after != copy.tree) {
            self.problem(&subject, "its newest operation ends at another tree");
        } else if last.is_none() && copy.tree != copy.base {
            self.problem(&subject, "it differs from its base without an operation");
        }
        let least = copy.operation.map_or(0, OperationId::get);
        if copy.generation < least || (least == 0 && copy.generation > 0) {
            self.problem(
                &subject,
                format!("generation {} after {least} operations", copy.generation),
            );
        }
        if let Some(first) = log.first.filter(|first| first.get() > 1 && never) {
            self.problem(
                &subject,
                format!("its operations before {first} are missing"),
            );
        }
    }

    async fn grants(&mut self) -> Result<()> {
        let mut after = None;
        loop {
            let more = self.workspace.read("check", |tx| {
                let found = page(after, u128::MAX, self.options.rows, |after, limit| {
                    let after = after.map(|after| GrantId::from_bytes(after.to_be_bytes()));
                    tx.rows.grants(WhichGrants::Every, after.as_ref(), limit)
                })?;
                if let Some(last) = found.rows.last() {
                    after = Some(u128::from_be_bytes(*last.id.as_bytes()));
                }
                if let Some((id, why)) = found.damaged {
                    after = Some(id);
                    let id = GrantId::from_bytes(id.to_be_bytes());
                    self.problem(format!("grant {id}"), undecodable(why.as_deref()));
                }
                Ok(found.more)
            })?;
            if !more {
                return Ok(());
            }
            pass().await;
        }
    }

    /// Checks that memos decode. Those of dead grants are kept as long as others.
    async fn memos(&mut self) -> Result<()> {
        let mut after = None;
        loop {
            let more = self.workspace.read("check", |tx| {
                let found = page(after, MAX_NUMBER, self.options.rows, |after, limit| {
                    tx.rows.memos(after.unwrap_or(0) as u64, limit)
                })?;
                if let Some(last) = found.rows.last() {
                    after = Some(u128::from(last.number));
                }
                if let Some((number, why)) = found.damaged {
                    after = Some(number);
                    self.problem(format!("memo {number}"), undecodable(why.as_deref()));
                }
                Ok(found.more)
            })?;
            if !more {
                return Ok(());
            }
            pass().await;
        }
    }
}

/// Tells whether a collection has begun at some time, which deletes old operations.
fn collects(tx: &Tx<'_>) -> Result<bool> {
    match tx.rows.collection() {
        Err(error) if error.kind() == ErrorKind::Corrupt => Ok(true),
        found => Ok(found?.is_some()),
    }
}
