//! Collection: deleting what nothing refers to, in bounded steps, beside
//! writers at work.
//!
//! Mark and sweep over the roots: head, revisions, open copies with their bases
//! and operations, and trees that walks are reading. Where it is, is in the
//! store, so it goes on after a crash. Writers mark what they put while it
//! marks and sweeps (an incremental-update write barrier, after Dijkstra et al.,
//! "On-the-fly garbage collection", 1978), so nothing that becomes reachable is
//! swept.

use crate::entry::Entry;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{BlobKey, CopyId, OperationId, TreeId};
use crate::store::{CollectionPhase, CollectionRecord, MetaTx, Place};
use crate::tree::{Item, Node};
use crate::workspace::grants::delete_dead;
use crate::workspace::tx::Tx;
use crate::workspace::upkeep::Upkeep;
use crate::workspace::{Workspace, marks};

/// How much one step of a collection may look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CollectBudget {
    /// Rows, nodes or objects, whichever the step is about; at least 1.
    pub rows: usize,
}

impl Default for CollectBudget {
    /// 1,000 rows.
    fn default() -> Self {
        Self { rows: 1000 }
    }
}

/// What a collection has done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Collected {
    /// Whether it is complete; otherwise there are more steps.
    pub done: bool,
    /// Nodes deleted, since the collection began.
    pub nodes: u64,
    /// Contents deleted, since the collection began.
    pub contents: u64,
    /// Objects deleted in this call.
    pub objects: u64,
}

impl Collected {
    /// Describes a collection that is at `state`, after a call that deleted
    /// `objects`.
    fn by(state: &CollectionRecord, objects: u64) -> Self {
        Self {
            done: state.phase == CollectionPhase::Done,
            nodes: state.nodes,
            contents: state.contents,
            objects,
        }
    }
}

impl Workspace {
    /// Collects everything there is to collect now: discards copies that have
    /// expired, forgets closed ones whose time is up and grants that are dead, then
    /// runs a collection to its end.
    ///
    /// # Errors
    /// As for [`upkeep`](Self::upkeep).
    pub async fn gc(&self, mut progress: impl FnMut(&Collected)) -> Result<Collected> {
        let policy = Upkeep {
            keep_revisions: None,
            budget: CollectBudget { rows: 10_000 },
            idle: None,
        };
        let mut objects = 0;
        loop {
            let Some(step) = self.upkeep(&policy).await?.collected else {
                continue;
            };
            objects += step.objects;
            let total = Collected { objects, ..step };
            progress(&total);
            if step.done {
                return Ok(total);
            }
        }
    }

    /// Takes one step of the collection under way, or begins one.
    pub async fn collect(&self, budget: CollectBudget) -> Result<Collected> {
        let limit = budget.rows.max(1);
        let state = self.read("collect", |tx| tx.rows.collection())?;
        if let Some(CollectionRecord {
            phase: CollectionPhase::SweepObjects(after),
            ..
        }) = state
        {
            return self.sweep_objects(after, limit).await;
        }
        // Set before the transaction that begins it commits: marking too much is
        // harmless, too little is not.
        self.inner.collecting.set(true);
        let (state, unneeded) = self.write("collect", |tx| {
            let under_way = tx.rows.collection()?;
            let mut state = match under_way.filter(|last| last.phase != CollectionPhase::Done) {
                Some(state) => state,
                None => {
                    tx.rows.mark_node(&tx.head()?.tree)?;
                    CollectionRecord {
                        phase: CollectionPhase::Events,
                        began: tx.rows.last_event()?,
                        nodes: 0,
                        contents: 0,
                    }
                }
            };
            let mut unneeded = Vec::new();
            let before = self.meter.receipt();
            let mut left = limit;
            while left > 0 && !pauses(&state.phase) {
                self.step(tx, &mut state, left, &mut unneeded)?;
                let spent = (self.meter.receipt() - before).rows();
                left = limit.saturating_sub(spent as usize);
            }
            tx.rows.set_collection(Some(&state))?;
            Ok((state, unneeded))
        })?;
        self.inner.collecting.set(marks(&state.phase));
        let objects = unneeded.len() as u64;
        for key in unneeded {
            self.delete_object(&key).await?;
        }
        Ok(Collected::by(&state, objects))
    }

    /// Works on one phase inside a transaction.
    fn step(
        &self,
        tx: &Tx<'_>,
        state: &mut CollectionRecord,
        limit: usize,
        unneeded: &mut Vec<BlobKey>,
    ) -> Result<()> {
        use CollectionPhase::{
            Clear, Copies, Done, Events, Grants, Operations, Revisions, Scan, SweepContents,
            SweepNodes, SweepObjects,
        };
        state.phase = match &state.phase {
            Events => match self.trim_events(tx, limit)? {
                trimmed if trimmed == limit as u64 => Events,
                _ => Grants(None),
            },
            Grants(after) => match delete_dead(tx, *after, limit, self.now())? {
                Some(last) => Grants(Some(last)),
                None => Revisions(None),
            },
            Revisions(before) => {
                let page = tx.rows.revisions(*before, limit)?;
                for revision in &page {
                    tx.rows.mark_node(&revision.tree)?;
                }
                match page.last() {
                    Some(last) if page.len() == limit => Revisions(Some(last.id)),
                    _ => Copies(None),
                }
            }
            Copies(after) => mark_copies(tx, *after, limit)?,
            Operations(copy, after) => match mark_operations(tx, *copy, *after, limit)? {
                (Some(last), _) => Operations(*copy, Some(last)),
                (None, left) => mark_copies(tx, Some(*copy), left)?,
            },
            Scan => self.scan(tx, limit)?,
            SweepNodes(after) => {
                let page = tx.rows.unmarked_nodes(after.as_ref(), limit)?;
                for id in &page.unmarked {
                    tx.rows.delete_node(id)?;
                }
                state.nodes += page.unmarked.len() as u64;
                match page.last {
                    Some(last) if page.looked == limit => SweepNodes(Some(last)),
                    _ => SweepContents(None),
                }
            }
            SweepContents(after) => {
                let page = tx.rows.unmarked_contents(after.as_ref(), limit)?;
                for id in &page.unmarked {
                    if let Some(Place::Object(key)) = tx.rows.content(id)?.map(|found| found.place)
                    {
                        unneeded.push(key);
                    }
                    tx.rows.delete_content(id)?;
                }
                state.contents += page.unmarked.len() as u64;
                match page.last {
                    Some(last) if page.looked == limit => SweepContents(Some(last)),
                    _ => SweepObjects(None),
                }
            }
            other @ (SweepObjects(_) | Done) => other.clone(),
            Clear => match tx.rows.clear_marks(limit)? {
                true => Clear,
                false => Done,
            },
        };
        Ok(())
    }

    /// Scans up to `limit` marked nodes, those that turn up on the way included,
    /// so that writers at work cannot keep the collection from its end.
    fn scan(&self, tx: &Tx<'_>, limit: usize) -> Result<CollectionPhase> {
        let mut left = limit;
        while left > 0 {
            let nodes = tx.rows.take_unscanned(left)?;
            for id in &nodes {
                scan(tx, id)?;
            }
            left -= nodes.len().min(left);
            if nodes.is_empty() && !self.mark_pins(tx)? {
                return Ok(CollectionPhase::SweepNodes(None));
            }
        }
        Ok(CollectionPhase::Scan)
    }

    /// Marks the trees that walks are reading; returns whether one was new.
    fn mark_pins(&self, tx: &Tx<'_>) -> Result<bool> {
        let mut new = false;
        for tree in self.inner.pins.borrow().keys() {
            new |= tx.rows.mark_node(tree)?;
        }
        Ok(new)
    }

    /// Deletes the objects of a page that no content refers to and that no
    /// writer is storing. Only a key in flight can come to be referred to, so
    /// what is neither now never will be.
    async fn sweep_objects(&self, after: Option<BlobKey>, limit: usize) -> Result<Collected> {
        self.meter.count(|receipt| receipt.blob_calls += 1);
        let page = self.blobs().list(after.as_ref(), limit).await?;
        let orphans = self.read("collect", |tx| {
            let mut orphans = Vec::new();
            for key in &page {
                if !tx.rows.has_object(key)? && !self.inner.in_flight.contains(key) {
                    orphans.push(key.clone());
                }
            }
            Ok(orphans)
        })?;
        for key in &orphans {
            self.delete_object(key).await?;
        }
        let state = self.write("collect", |tx| {
            let state = tx.rows.collection()?.ok_or_else(|| {
                Error::new(ErrorKind::Corrupt, "collect").because("its place is gone")
            })?;
            // Another call may have gone further while this one waited.
            if state.phase != CollectionPhase::SweepObjects(after) {
                return Ok(state);
            }
            let phase = match page.into_iter().next_back() {
                Some(last) => CollectionPhase::SweepObjects(Some(last)),
                None => CollectionPhase::Clear,
            };
            let state = CollectionRecord { phase, ..state };
            tx.rows.set_collection(Some(&state))?;
            Ok(state)
        })?;
        Ok(Collected::by(&state, orphans.len() as u64))
    }

    async fn delete_object(&self, key: &BlobKey) -> Result<()> {
        self.meter.count(|receipt| receipt.blob_calls += 1);
        self.blobs().delete(key).await
    }
}

/// Tells whether a phase is not one of a transaction.
fn pauses(phase: &CollectionPhase) -> bool {
    matches!(
        phase,
        CollectionPhase::SweepObjects(_) | CollectionPhase::Done
    )
}

/// Marks the trees of open copies after `after` and of their operations, up to
/// `limit` rows. What writers add meanwhile they mark themselves, so a page that
/// is not full is the last one.
fn mark_copies(tx: &Tx<'_>, after: Option<CopyId>, limit: usize) -> Result<CollectionPhase> {
    let mut after = after;
    let mut left = limit;
    while left > 0 {
        let page = tx.rows.copies(true, after.as_ref(), 1)?;
        let Some(copy) = page.first() else {
            return Ok(CollectionPhase::Scan);
        };
        tx.rows.mark_node(&copy.base)?;
        tx.rows.mark_node(&copy.tree)?;
        match mark_operations(tx, copy.id, None, left)? {
            (Some(last), _) => return Ok(CollectionPhase::Operations(copy.id, Some(last))),
            (None, rest) => left = rest.saturating_sub(1),
        }
        after = Some(copy.id);
    }
    Ok(CollectionPhase::Copies(after))
}

/// Marks the trees of up to `limit` of a copy's operations. Returns the last
/// one where there may be more, and what is left of the limit.
fn mark_operations(
    tx: &Tx<'_>,
    copy: CopyId,
    after: Option<OperationId>,
    limit: usize,
) -> Result<(Option<OperationId>, usize)> {
    let page = tx.rows.operations(&copy, after, limit)?;
    for operation in &page {
        tx.rows.mark_node(&operation.before)?;
        tx.rows.mark_node(&operation.after)?;
    }
    let more = page
        .last()
        .filter(|_| page.len() == limit)
        .map(|last| last.id);
    Ok((more, limit - page.len()))
}

/// Marks what a node refers to.
fn scan(tx: &Tx<'_>, id: &TreeId) -> Result<()> {
    if *id == TreeId::empty() {
        return Ok(());
    }
    let encoded = tx.rows.node(id)?.ok_or_else(|| {
        Error::new(ErrorKind::Corrupt, "collect")
            .at(id)
            .because("the node is missing")
    })?;
    for (_, item) in Node::decode(&encoded).map_err(|error| error.at(id))?.items {
        match item {
            Item::Child(child) => {
                tx.rows.mark_node(&child.id)?;
            }
            Item::Entry(Entry::Directory(directory)) => {
                tx.rows.mark_node(&directory.tree)?;
            }
            Item::Entry(Entry::File(file)) => tx.rows.mark_content(&file.content)?,
            Item::Entry(Entry::Symlink(_)) => {}
        }
    }
    Ok(())
}
