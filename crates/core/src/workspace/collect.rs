//! Collection: deleting what nothing refers to, in bounded steps, beside
//! writers at work.
//!
//! Mark and sweep over the roots: head, revisions, open copies with their bases
//! and operations, and trees that walks are reading. Where it is, is in the
//! store, so it goes on after a crash. Writers mark what they put while it
//! marks and sweeps (an incremental-update write barrier, after Dijkstra et al.,
//! "On-the-fly garbage collection", 1978), so nothing that becomes reachable is
//! swept.

use derive_setters::Setters;

use crate::entry::Entry;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{BlobKey, CopyId, OperationId, TreeId};
use crate::meter::Receipt;
use crate::store::{CollectionPhase, CollectionRecord, CopyRecord, Marked, MetaTx};
use crate::tree::{Item, Node};
use crate::workspace::Workspace;
use crate::workspace::grants::delete_dead;
use crate::workspace::tx::Tx;
use crate::workspace::upkeep::Upkeep;

/// How much one step of a collection may look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Setters)]
#[non_exhaustive]
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
    /// Collects everything that is garbage at the call: discards copies that have
    /// expired, forgets closed ones whose time is up and grants that are dead, ends
    /// the collection under way, if there is one, and runs a whole one after it.
    ///
    /// # Errors
    /// As for [`upkeep`](Self::upkeep).
    pub async fn gc(&self, mut progress: impl FnMut(&Collected)) -> Result<Collected> {
        /// The fewest rows of a step, where the disk is nearly full.
        const FEWEST: usize = 10;
        let mut rows = 10_000;
        // What the one under way has marked already may be garbage by now.
        let under_way = self.read("collect", |tx| tx.rows.collection())?;
        let mut rounds = match under_way {
            Some(state) if state.phase != CollectionPhase::Done => 2,
            _ => 1,
        };
        let mut before = Collected::default();
        loop {
            let policy = Upkeep::default()
                .budget(CollectBudget::default().rows(rows))
                .idle(None);
            let step = match self.upkeep(&policy).await {
                Ok(upkept) => upkept.collected,
                // A smaller step needs less room.
                Err(error) if error.kind() == ErrorKind::StorageFull && rows > FEWEST => {
                    rows /= 10;
                    continue;
                }
                Err(error) => return Err(error),
            };
            let Some(step) = step else {
                continue;
            };
            before.objects += step.objects;
            if step.done {
                rounds -= 1;
            }
            let total = Collected {
                done: rounds == 0,
                nodes: before.nodes + step.nodes,
                contents: before.contents + step.contents,
                objects: before.objects,
            };
            progress(&total);
            if total.done {
                return Ok(total);
            }
            if step.done {
                (before.nodes, before.contents) = (total.nodes, total.contents);
            }
        }
    }

    /// Takes one step of the collection under way, or begins one. A step ends with
    /// the row that uses up the budget, but for what is looked at whole: a node of up
    /// to a few hundred entries, a pack of up to 64 things, a grant with the up to 16
    /// that it was made from.
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
        let begins = state.is_none_or(|last| last.phase == CollectionPhase::Done);
        // Set before the transaction that begins it commits: marking too much is
        // harmless, too little is not.
        self.inner.collecting.set(true);
        let stepped = self.write("collect", |tx| {
            let under_way = tx.rows.collection()?;
            let mut state = match under_way.filter(|last| last.phase != CollectionPhase::Done) {
                Some(state) => state,
                None => {
                    self.inner.pins.borrow_mut().forget_marks();
                    CollectionRecord {
                        phase: CollectionPhase::Clear,
                        began: tx.rows.last_event()?,
                        nodes: 0,
                        contents: 0,
                    }
                }
            };
            let mut unneeded = Vec::new();
            let budget = Budget::new(self, limit);
            while budget.left() > 0 && state.phase.is_transaction() {
                self.step(tx, &mut state, &budget, &mut unneeded)?;
            }
            tx.rows.set_collection(Some(&state))?;
            Ok((state, unneeded))
        });
        if stepped.is_err() {
            self.inner.pins.borrow_mut().forget_marks();
        }
        let (state, unneeded) = stepped?;
        self.inner.collecting.set(state.phase.marks());
        if begins {
            self.inner.in_flight.collected();
        }
        let objects = self.sweep(unneeded).await?;
        Ok(Collected::by(&state, objects))
    }

    /// Works on one phase inside a transaction.
    fn step(
        &self,
        tx: &Tx<'_>,
        state: &mut CollectionRecord,
        budget: &Budget<'_>,
        unneeded: &mut Vec<BlobKey>,
    ) -> Result<()> {
        use CollectionPhase::{
            Clear, Copies, Done, Events, Grants, Operations, Revisions, Scan, Sweep, SweepObjects,
        };
        let limit = budget.left();
        state.phase = match &state.phase {
            Clear => match tx.rows.clear_marks(limit)? {
                true => Clear,
                false => {
                    mark(tx, &tx.head()?.tree)?;
                    Events
                }
            },
            Events => match self.trim_events(tx, limit)? {
                trimmed if trimmed == limit as u64 => Events,
                _ => Grants(None),
            },
            // Looking at a grant reads it, what it was made from, and its copy.
            Grants(after) => match delete_dead(tx, *after, (limit / 18).max(1), self.now())? {
                Some(last) => Grants(Some(last)),
                None => Revisions(None),
            },
            Revisions(before) => {
                // Each is a row, and marks a tree.
                let limit = (limit / 2).max(1);
                let page = tx.rows.revisions(*before, limit)?;
                for revision in &page {
                    mark(tx, &revision.tree)?;
                }
                match page.last() {
                    Some(last) if page.len() == limit => Revisions(Some(last.id)),
                    _ => Copies(None),
                }
            }
            Copies(after) => self.mark_copies(tx, *after, budget)?,
            Operations(copy, after) => match mark_operations(tx, *copy, *after, budget)? {
                Some(last) => Operations(*copy, Some(last)),
                None => Copies(Some(*copy)),
            },
            Scan => self.scan(tx, budget)?,
            Sweep(after) => {
                let swept = tx.rows.sweep(*after, limit)?;
                state.nodes += swept.nodes;
                state.contents += swept.contents;
                if swept.contents > 0 {
                    self.swept();
                }
                unneeded.extend(swept.objects);
                match swept.last {
                    Some(last) => Sweep(last),
                    None => SweepObjects(None),
                }
            }
            other @ (SweepObjects(_) | Done) => other.clone(),
        };
        Ok(())
    }

    /// Marks the trees of open copies after `after` and of their operations, those
    /// that are kept no longer deleted. What writers add meanwhile they mark
    /// themselves.
    fn mark_copies(
        &self,
        tx: &Tx<'_>,
        after: Option<CopyId>,
        budget: &Budget<'_>,
    ) -> Result<CollectionPhase> {
        let mut after = after;
        while budget.left() > 0 {
            let page = tx.rows.copies(true, after.as_ref(), 1)?;
            let Some(copy) = page.first() else {
                return Ok(CollectionPhase::Scan);
            };
            // Also where the row of the copy was the last: a step has to come further.
            if self.trim_operations(tx, copy, budget.left().max(1))? {
                continue;
            }
            mark(tx, &copy.base)?;
            mark(tx, &copy.tree)?;
            if let Some(last) = mark_operations(tx, copy.id, None, budget)? {
                return Ok(CollectionPhase::Operations(copy.id, Some(last)));
            }
            after = Some(copy.id);
        }
        Ok(CollectionPhase::Copies(after))
    }

    /// Deletes up to `limit` of a copy's operations that are kept no longer;
    /// returns whether there may be more.
    fn trim_operations(&self, tx: &Tx<'_>, copy: &CopyRecord, limit: usize) -> Result<bool> {
        let keep = self.inner.options.keep_operations.max(1);
        let newest = copy.operation.map_or(0, OperationId::get);
        if newest <= keep {
            return Ok(false);
        }
        // The numbers have no gap, so they also count.
        let first_kept = newest - keep + 1;
        let oldest = tx.rows.operations(&copy.id, None, 1)?;
        let oldest = oldest.first().map_or(first_kept, |oldest| oldest.id.get());
        let excess = usize::try_from(first_kept.saturating_sub(oldest)).unwrap_or(usize::MAX);
        if excess > 0 {
            tx.rows.delete_operations(&copy.id, excess.min(limit))?;
        }
        Ok(excess > limit)
    }

    /// Scans marked nodes, those that turn up on the way included, so that writers
    /// at work cannot keep the collection from its end.
    fn scan(&self, tx: &Tx<'_>, budget: &Budget<'_>) -> Result<CollectionPhase> {
        while budget.left() > 0 {
            match tx.rows.take_unscanned(1)?.pop() {
                Some(id) => scan(tx, &id)?,
                None if self.mark_pin(tx)? => {}
                None => return Ok(CollectionPhase::Sweep(0)),
            }
        }
        Ok(CollectionPhase::Scan)
    }

    /// Marks a tree that somebody is reading; returns whether there was one without
    /// a mark of this collection.
    fn mark_pin(&self, tx: &Tx<'_>) -> Result<bool> {
        let tree = self.inner.pins.borrow_mut().take_unmarked();
        if let Some(tree) = &tree {
            tx.rows.mark_node(tree)?;
        }
        Ok(tree.is_some())
    }

    /// Deletes the objects of a page that no content refers to and that nobody
    /// is storing or reading. Only a key in flight can come to be referred to, so
    /// what is neither now never will be.
    async fn sweep_objects(&self, after: Option<BlobKey>, limit: usize) -> Result<Collected> {
        self.meter.count(|receipt| receipt.blob_calls += 1);
        let page = self.blobs().list(after.as_ref(), limit).await?;
        let orphans = self.read("collect", |tx| {
            let mut orphans = Vec::new();
            for listed in &page {
                if !tx.rows.has_object(&listed.key)? {
                    orphans.push(listed.key.clone());
                }
            }
            Ok(orphans)
        })?;
        let objects = self.sweep(orphans).await?;
        let state = self.write("collect", |tx| {
            let state = tx.rows.collection()?.ok_or_else(|| {
                Error::new(ErrorKind::Corrupt, "collect").because("its place is gone")
            })?;
            // Another call may have gone further while this one waited.
            if state.phase != CollectionPhase::SweepObjects(after) {
                return Ok(state);
            }
            let phase = match page.into_iter().next_back() {
                Some(last) => CollectionPhase::SweepObjects(Some(last.key)),
                None => CollectionPhase::Done,
            };
            let state = CollectionRecord { phase, ..state };
            tx.rows.set_collection(Some(&state))?;
            Ok(state)
        })?;
        Ok(Collected::by(&state, objects))
    }
}

/// What is left of the rows that a step may read and write.
struct Budget<'w> {
    workspace: &'w Workspace,
    before: Receipt,
    rows: usize,
}

impl<'w> Budget<'w> {
    fn new(workspace: &'w Workspace, rows: usize) -> Self {
        Self {
            workspace,
            before: workspace.receipt(),
            rows,
        }
    }

    fn left(&self) -> usize {
        let spent = (self.workspace.receipt() - self.before).rows();
        self.rows
            .saturating_sub(usize::try_from(spent).unwrap_or(usize::MAX))
    }
}

/// Marks the trees of a copy's operations after `after`. Returns the last one
/// where there may be more.
fn mark_operations(
    tx: &Tx<'_>,
    copy: CopyId,
    after: Option<OperationId>,
    budget: &Budget<'_>,
) -> Result<Option<OperationId>> {
    // Each is a row, and marks two trees.
    let limit = (budget.left() / 3).max(1);
    let page = tx.rows.operations(&copy, after, limit)?;
    for operation in &page {
        mark(tx, &operation.before)?;
        mark(tx, &operation.after)?;
    }
    let more = page.last().filter(|_| page.len() == limit);
    Ok(more.map(|last| last.id))
}

/// Marks a tree that something refers to.
fn mark(tx: &Tx<'_>, id: &TreeId) -> Result<()> {
    if *id == TreeId::empty() || tx.rows.mark_node(id)? != Marked::Missing {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Corrupt, "collect")
        .at(id)
        .because("the node is missing"))
}

/// Marks what a node refers to.
fn scan(tx: &Tx<'_>, id: &TreeId) -> Result<()> {
    let encoded = tx.rows.node(id)?.ok_or_else(|| {
        Error::new(ErrorKind::Corrupt, "collect")
            .at(id)
            .because("the node is missing")
    })?;
    // What an altered node refers to is nobody's, and what the real one does would go.
    if TreeId::of_node(&encoded) != *id {
        return Err(Error::new(ErrorKind::Corrupt, "collect")
            .at(id)
            .because("the node is not what was stored"));
    }
    for (_, item) in Node::decode(&encoded).map_err(|error| error.at(id))?.items {
        match item {
            Item::Child(child) => mark(tx, &child.id)?,
            Item::Entry(Entry::Directory(directory)) => mark(tx, &directory.tree)?,
            // A content without a row is for the integrity check to tell.
            Item::Entry(Entry::File(file)) => drop(tx.rows.mark_content(&file.content)?),
            Item::Entry(Entry::Symlink(_)) => {}
        }
    }
    Ok(())
}
