//! A transaction as the facade uses it: metered, cached, and marking for the
//! collector.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use lru::LruCache;

use crate::change::Author;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, EventKind};
use crate::id::{ContentId, CopyId, GrantId, OperationId, RevisionId, TreeId};
use crate::meter::Metered;
use crate::reason::Sought;
use crate::store::{
    ContentRecord, CopyRecord, CopyState, HeadRecord, MetaTx, OperationCause, OperationRecord,
    RevisionRecord, WhichGrants,
};
use crate::tree::{Node, Nodes};
use crate::workspace::{At, Inner, Workspace};
use crate::{EntryKind, Timestamp};

/// The rows of a transaction, with what the facade adds to them.
///
/// Invariant: while a collection marks and sweeps, whatever becomes reachable
/// by a write is marked in the same transaction. All writes of nodes, contents
/// and roots go through the methods here, which see to that.
///
/// Why that is enough: a write makes reachable what it puts ([`save`](Nodes::save)
/// and [`put_content`](Self::put_content) mark it, also where it was stored already,
/// without a mark, as garbage of an earlier time), the trees that it sets as roots
/// (each `put_`, `set_` and `move_` here marks them, since a root may move from where
/// the collection has not looked yet to where it has), and what lies below those
/// trees: whatever is marked is scanned before anything is swept.
pub(crate) struct Tx<'a> {
    pub(crate) rows: Metered<'a>,
    inner: &'a Inner,
    told: Cell<bool>,
    /// Head as this transaction has it, once it is known.
    head: RefCell<Option<HeadRecord>>,
}

impl<'a> Tx<'a> {
    /// Where the last searches for dead grants came to.
    pub(super) fn grant_searches(&self) -> &RefCell<BTreeMap<WhichGrants, GrantId>> {
        &self.inner.grant_searches
    }

    pub(crate) fn new(workspace: &'a Workspace, rows: &'a dyn MetaTx) -> Self {
        Self {
            rows: Metered {
                rows,
                meter: &workspace.meter,
            },
            inner: &workspace.inner,
            told: Cell::new(false),
            head: RefCell::new(workspace.inner.head.borrow().clone()),
        }
    }

    /// Returns head as the transaction leaves it, where it is known.
    pub(crate) fn into_head(self) -> Option<HeadRecord> {
        self.head.into_inner()
    }

    /// Appends an event. Whoever changes head, a copy or the revisions tells so.
    pub(crate) fn tell(&self, event: &Event) -> Result<()> {
        self.told.set(true);
        self.rows.append_event(event)
    }

    /// Tells whether an event was appended.
    pub(crate) fn told(&self) -> bool {
        self.told.get()
    }

    pub(crate) fn head(&self) -> Result<HeadRecord> {
        if let Some(head) = &*self.head.borrow() {
            return Ok(head.clone());
        }
        let head = self.rows.head()?.ok_or_else(|| {
            Error::not_found(Sought::Workspace, "open")
                .at("workspace")
                .because("it was never created")
        })?;
        *self.head.borrow_mut() = Some(head.clone());
        Ok(head)
    }

    pub(crate) fn set_head(&self, head: &HeadRecord) -> Result<()> {
        self.mark(&head.tree)?;
        self.rows.set_head(head)?;
        *self.head.borrow_mut() = Some(head.clone());
        Ok(())
    }

    pub(crate) fn put_copy(&self, copy: &CopyRecord) -> Result<()> {
        if copy.state == CopyState::Open {
            self.mark(&copy.base)?;
            self.mark(&copy.tree)?;
        }
        self.rows.put_copy(copy)
    }

    fn put_operation(&self, copy: &CopyId, operation: &OperationRecord) -> Result<()> {
        self.mark(&operation.before)?;
        self.mark(&operation.after)?;
        self.rows.put_operation(copy, operation)
    }

    pub(crate) fn put_revision(&self, revision: &RevisionRecord) -> Result<()> {
        self.mark(&revision.tree)?;
        self.rows.put_revision(revision)
    }

    /// Returns whether the content was new; where it was not, what was put for
    /// it elsewhere is not needed.
    pub(crate) fn put_content(&self, id: &ContentId, content: &ContentRecord) -> Result<bool> {
        let new = self.rows.put_content(id, content)?;
        if self.inner.collecting.get() {
            self.rows.mark_content(id)?;
        }
        Ok(new)
    }

    /// Marks a stored tree; the empty one is implied, and not stored.
    fn mark(&self, tree: &TreeId) -> Result<()> {
        if self.inner.collecting.get() && *tree != TreeId::empty() {
            self.rows.mark_node(tree)?;
        }
        Ok(())
    }

    /// Tells whether a tree can be read: it is stored, and a sweep under way has
    /// not begun to delete it.
    pub(crate) fn has_tree(&self, id: &TreeId) -> Result<bool> {
        if *id == TreeId::empty() {
            return Ok(true);
        }
        let sweeps = self.inner.collecting.get()
            && self
                .rows
                .collection()?
                .is_some_and(|collection| collection.phase.sweeps());
        match sweeps {
            true => self.rows.is_marked(id),
            false => self.rows.has_node(id),
        }
    }

    /// Returns a copy that can be used: open, and not expired.
    pub(crate) fn open_copy(
        &self,
        operation: &'static str,
        id: CopyId,
        now: Timestamp,
    ) -> Result<CopyRecord> {
        let copy = self.any_copy(operation, id)?;
        let closed = |why: String| Error::new(ErrorKind::Closed, operation).at(id).because(why);
        match copy.state {
            CopyState::Open if copy.expires.is_some_and(|expires| expires <= now) => {
                Err(closed("it has expired".into()))
            }
            CopyState::Open => Ok(copy),
            CopyState::Applied(as_what) => Err(closed(format!("it was applied as {as_what}"))),
            CopyState::Discarded => Err(closed("it was discarded".into())),
        }
    }

    pub(crate) fn any_copy(&self, operation: &'static str, id: CopyId) -> Result<CopyRecord> {
        self.rows.copy(&id)?.ok_or_else(|| {
            Error::not_found(Sought::Copy, operation)
                .at(id)
                .because("no such copy")
        })
    }

    pub(crate) fn revision(
        &self,
        operation: &'static str,
        id: RevisionId,
    ) -> Result<RevisionRecord> {
        self.rows.revision(id)?.ok_or_else(|| {
            Error::not_found(Sought::Revision, operation)
                .at(id)
                .because("no such revision")
        })
    }

    pub(crate) fn resolve(&self, at: At) -> Result<TreeId> {
        match at {
            At::Head => Ok(self.head()?.tree),
            At::Copy(id) => Ok(self
                .open_copy("resolve", id, self.inner.context.clock.now())?
                .tree),
            At::Revision(id) => Ok(self.revision("resolve", id)?.tree),
            At::Tree(id) => match self.has_tree(&id)? {
                true => Ok(id),
                false => Err(Error::not_found(Sought::Tree, "resolve")
                    .at(id)
                    .because("no such tree")),
            },
        }
    }

    /// Stores an operation and moves the copy to its tree after: the copy's next
    /// operation, or its newest one, which goes on.
    pub(crate) fn move_copy(
        &self,
        copy: &mut CopyRecord,
        operation: &OperationRecord,
        now: Timestamp,
    ) -> Result<()> {
        copy.operation = Some(operation.id);
        copy.generation += 1;
        copy.tree = operation.after;
        copy.modified = now;
        self.put_operation(&copy.id, operation)?;
        self.mark(&copy.base)?;
        self.mark(&copy.tree)?;
        self.rows.move_copy(copy)?;
        let kind = match operation.cause {
            OperationCause::Edit | OperationCause::Import | OperationCause::Apply(_) => {
                EventKind::Changed
            }
            OperationCause::Rebase(_) => EventKind::Rebased,
            OperationCause::Undo(_) => EventKind::Undone,
        };
        self.tell(&Event::moved(kind, copy, &operation.actor))
    }
}

/// Returns what would be a copy's next operation, to the tree `after`.
pub(crate) fn next_operation(
    copy: &CopyRecord,
    cause: OperationCause,
    author: &Author,
    at: Timestamp,
    after: TreeId,
) -> OperationRecord {
    OperationRecord {
        id: copy
            .operation
            .map_or(OperationId::new(1), OperationId::next),
        cause,
        actor: author.actor.clone(),
        note: author.note.clone(),
        at,
        before: copy.tree,
        after,
    }
}

impl Nodes for Tx<'_> {
    fn load(&self, id: &TreeId) -> Result<Rc<Node>> {
        if *id == TreeId::empty() {
            return Ok(Rc::new(Node {
                level: 0,
                items: Vec::new(),
            }));
        }
        if let Some(node) = self.inner.cache.borrow_mut().get(id) {
            return Ok(node);
        }
        let encoded = self.rows.node(id)?.ok_or_else(|| {
            Error::new(ErrorKind::Corrupt, "read node")
                .at(id)
                .because("the node is missing")
        })?;
        // An altered node must not be edited: it would get a right id again.
        if TreeId::of_node(&encoded) != *id {
            return Err(Error::new(ErrorKind::Corrupt, "read node")
                .at(id)
                .because("its bytes are not those that were stored"));
        }
        let node = Rc::new(Node::decode(&encoded).map_err(|error| error.at(id))?);
        self.inner.cache.borrow_mut().put(*id, Rc::clone(&node));
        Ok(node)
    }

    fn save(&self, id: &TreeId, encoded: &[u8], node: Node) -> Result<()> {
        self.rows.put_node(id, encoded)?;
        self.mark(id)?;
        // The next change begins with what this one leaves.
        self.inner.cache.borrow_mut().put(*id, Rc::new(node));
        Ok(())
    }
}

/// Decoded nodes, least recently used out first. What is cached may be gone
/// from the store, or rolled back, but only where nothing refers to it any more.
pub(crate) struct NodeCache {
    nodes: LruCache<TreeId, Cached>,
    weight: usize,
    limit: usize,
}

struct Cached {
    node: Rc<Node>,
    weight: usize,
}

impl NodeCache {
    /// What an entry takes beside its node: its own allocation and that of the
    /// node's counters, and two places in a table that may be half empty.
    const PLACE: usize = 160;

    pub(crate) fn new(limit: usize) -> Self {
        Self {
            nodes: LruCache::unbounded(),
            weight: 0,
            limit,
        }
    }

    fn get(&mut self, id: &TreeId) -> Option<Rc<Node>> {
        self.nodes.get(id).map(|cached| Rc::clone(&cached.node))
    }

    fn put(&mut self, id: TreeId, node: Rc<Node>) {
        let weight = node.weight() + Self::PLACE;
        self.weight += weight;
        if let Some(old) = self.nodes.put(id, Cached { node, weight }) {
            self.weight -= old.weight;
        }
        while self.weight > self.limit {
            match self.nodes.pop_lru() {
                Some((_, cached)) => self.weight -= cached.weight,
                None => break,
            }
        }
    }
}

/// Says what stands in the way of using `path` as a file or a directory.
pub(crate) fn wrong_kind(
    operation: &'static str,
    path: &crate::TreePath,
    found: EntryKind,
) -> Error {
    let kind = match found {
        EntryKind::Directory => ErrorKind::IsADirectory,
        EntryKind::File | EntryKind::Symlink => ErrorKind::NotADirectory,
    };
    Error::new(kind, operation)
        .at(path)
        .because(format!("it is a {found}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_holds_as_much_as_it_may() {
        let node = || {
            Rc::new(Node {
                level: 0,
                items: Vec::new(),
            })
        };
        let weight = node().weight() + NodeCache::PLACE;
        let id = |n: u8| TreeId::from_bytes([n; 32]);
        let mut cache = NodeCache::new(2 * weight);
        for n in 0..100 {
            cache.put(id(n), node());
            // Again: it takes its own place.
            cache.put(id(n), node());
            let held = (0..=n).filter(|n| cache.nodes.peek(&id(*n)).is_some());
            assert_eq!(held.count(), usize::from(n).min(1) + 1, "after {n}");
            assert_eq!(cache.weight, (usize::from(n).min(1) + 1) * weight);
        }
        // What was asked for last stays longest.
        assert!(cache.get(&id(98)).is_some());
        cache.put(id(100), node());
        assert!(cache.get(&id(98)).is_some() && cache.get(&id(99)).is_none());
        // What is heavier than all of it stays nowhere.
        let mut small = NodeCache::new(weight - 1);
        small.put(id(1), node());
        assert!(small.get(&id(1)).is_none());
        assert_eq!(small.weight, 0);
    }
}
