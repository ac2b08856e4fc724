//! The rows of the metadata store in memory, as [`MetaTx`] sees them.

use std::ops::Bound::{Excluded, Unbounded};

use bytes::Bytes;
use workspace_core::store::{
    CollectionRecord, ContentRecord, CopyRecord, CopyState, GrantRecord, HeadRecord, Marked,
    MemoEntry, MemoRecord, MetaTx, OperationRecord, Place, Purpose, RevisionRecord, StoreUsage,
    Swept, Used, WhichGrants,
};
use workspace_core::{
    BlobKey, ContentId, CopyId, Event, EventRecord, GrantId, MemoKey, OperationId, Result,
    RevisionId, Timestamp, TokenHash, TreeId,
};

use super::meta::Tx;
use super::rules;
use super::table::Table;

/// What a place holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stored {
    Node(TreeId),
    Content(ContentId),
}

/// All tables of one workspace.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) head: Table<(), HeadRecord>,
    pub(super) nodes: Table<TreeId, Bytes>,
    pub(super) contents: Table<ContentId, ContentRecord>,
    pub(super) objects: Table<BlobKey, ContentId>,
    pub(super) copies: Table<CopyId, CopyRecord>,
    pub(super) operations: Table<(CopyId, OperationId), OperationRecord>,
    pub(super) revisions: Table<RevisionId, RevisionRecord>,
    pub(super) events: Table<u64, Event>,
    pub(super) grants: Table<GrantId, GrantRecord>,
    pub(super) memos: Table<u64, MemoRecord>,
    /// What is stored in the order in which it was.
    places: Table<u64, Stored>,
    collection: Table<(), CollectionRecord>,
    node_marks: Table<TreeId, ()>,
    unscanned: Table<TreeId, ()>,
    content_marks: Table<ContentId, ()>,
}

impl Rows {
    pub(super) fn commit(&mut self) {
        self.head.commit();
        self.nodes.commit();
        self.contents.commit();
        self.objects.commit();
        self.copies.commit();
        self.operations.commit();
        self.revisions.commit();
        self.events.commit();
        self.grants.commit();
        self.memos.commit();
        self.places.commit();
        self.collection.commit();
        self.node_marks.commit();
        self.unscanned.commit();
        self.content_marks.commit();
    }

    pub(super) fn roll_back(&mut self) {
        self.head.roll_back();
        self.nodes.roll_back();
        self.contents.roll_back();
        self.objects.roll_back();
        self.copies.roll_back();
        self.operations.roll_back();
        self.revisions.roll_back();
        self.events.roll_back();
        self.grants.roll_back();
        self.memos.roll_back();
        self.places.roll_back();
        self.collection.roll_back();
        self.node_marks.roll_back();
        self.unscanned.roll_back();
        self.content_marks.roll_back();
    }

    /// Returns copies that have a time, in the order of it.
    fn copies_by(
        &self,
        limit: usize,
        time: impl Fn(&CopyRecord) -> Option<Timestamp>,
    ) -> Vec<CopyRecord> {
        let copies = self.copies.rows().map(|(_, copy)| copy);
        let mut timed: Vec<_> = copies
            .filter_map(|copy| Some((time(copy)?, copy.id, copy)))
            .collect();
        timed.sort_by_key(|(time, id, _)| (*time, *id));
        let page = timed.into_iter().take(limit);
        page.map(|(_, _, copy)| copy.clone()).collect()
    }

    /// Gives what is stored now a place behind all others.
    fn take_place(&mut self, stored: Stored) {
        let last = self.places.rows().next_back();
        let place = last.map_or(0, |(place, _)| *place) + 1;
        self.places.put(place, stored);
    }

    fn place_of(&self, stored: Stored) -> Option<u64> {
        let mut places = self.places.rows();
        let found = places.find(|(_, found)| **found == stored);
        found.map(|(place, _)| *place)
    }

    /// Deletes what is stored at a place; returns the object that it was in.
    fn empty_place(&mut self, place: Option<u64>, stored: Stored) -> Option<BlobKey> {
        if let Some(place) = place {
            self.places.remove(&place);
        }
        let object = match stored {
            Stored::Node(id) => {
                self.nodes.remove(&id);
                return None;
            }
            Stored::Content(id) => {
                let object = self.contents.get(&id).map(|content| content.place.clone());
                self.contents.remove(&id);
                object
            }
        };
        match object {
            Some(Place::Object(key)) => {
                self.objects.remove(&key);
                Some(key)
            }
            _ => None,
        }
    }

    /// Returns the number of the newest event; 0 before the first.
    pub(super) fn last_event(&self) -> u64 {
        let last = self.events.rows().next_back();
        last.map_or(0, |(sequence, _)| *sequence)
    }

    /// Returns the number of the newest memo; 0 where there is none.
    fn last_memo(&self) -> u64 {
        let last = self.memos.rows().next_back();
        last.map_or(0, |(number, _)| *number)
    }

    fn memo(&self, holder: Option<&GrantId>, key: &MemoKey) -> Option<(u64, &MemoRecord)> {
        let mut memos = self.memos.rows();
        let found = memos.find(|(_, memo)| memo.holder.as_ref() == holder && memo.key == *key);
        found.map(|(number, memo)| (*number, memo))
    }

    /// Returns the operations of a copy, oldest first.
    pub(super) fn operations_of(
        &self,
        copy: &CopyId,
    ) -> impl Iterator<Item = (&(CopyId, OperationId), &OperationRecord)> {
        let last = OperationId::new(u64::MAX);
        self.operations
            .range((*copy, OperationId::new(0))..=(*copy, last))
    }
}

/// Returns the bounds of the keys after `after`.
fn following<K>(after: Option<K>) -> (std::ops::Bound<K>, std::ops::Bound<K>) {
    (after.map_or(Unbounded, Excluded), Unbounded)
}

impl MetaTx for Tx<'_> {
    fn head(&self) -> Result<Option<HeadRecord>> {
        self.read(|rows| rows.head.get(&()).cloned())
    }

    fn set_head(&self, head: &HeadRecord) -> Result<()> {
        self.write(|rows| {
            if self.checked() {
                rules::head(rows.head.get(&()), head);
            }
            rows.head.put((), head.clone());
        })
    }

    fn node(&self, id: &TreeId) -> Result<Option<Bytes>> {
        self.read(|rows| rows.nodes.get(id).cloned())
    }

    fn has_node(&self, id: &TreeId) -> Result<bool> {
        self.read(|rows| rows.nodes.has(id))
    }

    fn nodes(&self, after: Option<&TreeId>, limit: usize) -> Result<Vec<TreeId>> {
        self.read(|rows| {
            let ids = rows.nodes.range(following(after.copied()));
            ids.take(limit).map(|(id, _)| *id).collect()
        })
    }

    fn put_node(&self, id: &TreeId, encoded: &[u8]) -> Result<bool> {
        self.write(|rows| {
            if self.checked() {
                rules::node(rows.nodes.get(id), id, encoded);
            }
            let new = !rows.nodes.has(id);
            if new {
                rows.nodes.put(*id, Bytes::copy_from_slice(encoded));
                rows.take_place(Stored::Node(*id));
            }
            new
        })
    }

    fn delete_node(&self, id: &TreeId) -> Result<()> {
        self.write(|rows| {
            let stored = Stored::Node(*id);
            rows.empty_place(rows.place_of(stored), stored);
        })
    }

    fn content(&self, id: &ContentId) -> Result<Option<ContentRecord>> {
        self.read(|rows| rows.contents.get(id).cloned())
    }

    fn contents(&self, after: Option<&ContentId>, limit: usize) -> Result<Vec<ContentId>> {
        self.read(|rows| {
            let ids = rows.contents.range(following(after.copied()));
            ids.take(limit).map(|(id, _)| *id).collect()
        })
    }

    fn put_content(&self, id: &ContentId, content: &ContentRecord) -> Result<bool> {
        self.write(|rows| {
            if self.checked() {
                rules::content(rows, id, content);
            }
            if rows.contents.has(id) {
                return false;
            }
            if let Place::Object(key) = &content.place {
                rows.objects.put(key.clone(), *id);
            }
            rows.contents.put(*id, content.clone());
            rows.take_place(Stored::Content(*id));
            true
        })
    }

    fn delete_content(&self, id: &ContentId) -> Result<()> {
        self.write(|rows| {
            let stored = Stored::Content(*id);
            rows.empty_place(rows.place_of(stored), stored);
        })
    }

    fn has_object(&self, key: &BlobKey) -> Result<bool> {
        self.read(|rows| rows.objects.has(key))
    }

    fn copy(&self, id: &CopyId) -> Result<Option<CopyRecord>> {
        self.read(|rows| rows.copies.get(id).cloned())
    }

    fn open_copy_named(&self, name: &str) -> Result<Option<CopyRecord>> {
        self.read(|rows| {
            let mut copies = rows.copies.rows().map(|(_, copy)| copy);
            copies
                .find(|copy| copy.state == CopyState::Open && copy.name.as_deref() == Some(name))
                .cloned()
        })
    }

    fn put_copy(&self, copy: &CopyRecord) -> Result<()> {
        self.write(|rows| {
            if self.checked() {
                rules::copy(rows.copies.get(&copy.id), copy);
            }
            rows.copies.put(copy.id, copy.clone());
        })
    }

    fn move_copy(&self, copy: &CopyRecord) -> Result<()> {
        self.write(|rows| {
            let Some(old) = rows.copies.get(&copy.id) else {
                return;
            };
            let moved = CopyRecord {
                name: old.name.clone(),
                state: old.state,
                parent: old.parent,
                top: old.top,
                created: old.created,
                expires: old.expires,
                ..copy.clone()
            };
            if self.checked() {
                assert_eq!(moved, *copy, "{:?}: more than a move", copy.id);
                rules::copy(Some(old), copy);
            }
            rows.copies.put(copy.id, moved);
        })
    }

    fn delete_copy(&self, id: &CopyId) -> Result<()> {
        self.write(|rows| {
            rows.copies.remove(id);
            let keys: Vec<_> = rows.operations_of(id).map(|(key, _)| *key).collect();
            keys.iter().for_each(|key| rows.operations.remove(key));
        })
    }

    fn copies(
        &self,
        open_only: bool,
        after: Option<&CopyId>,
        limit: usize,
    ) -> Result<Vec<CopyRecord>> {
        self.read(|rows| {
            let copies = rows.copies.range(following(after.copied()));
            let wanted = copies
                .map(|(_, copy)| copy)
                .filter(|copy| !open_only || copy.state == CopyState::Open);
            wanted.take(limit).cloned().collect()
        })
    }

    fn count_nested(&self, top: &CopyId) -> Result<u64> {
        Ok(self.nested(top, usize::MAX)?.len() as u64)
    }

    fn nested(&self, top: &CopyId, limit: usize) -> Result<Vec<CopyRecord>> {
        self.read(|rows| {
            let copies = rows.copies.rows().map(|(_, copy)| copy);
            let nested =
                copies.filter(|copy| copy.state == CopyState::Open && copy.top == Some(*top));
            nested.take(limit).cloned().collect()
        })
    }

    fn expiring_copies(&self, until: Timestamp, limit: usize) -> Result<Vec<CopyRecord>> {
        self.read(|rows| {
            rows.copies_by(limit, |copy| {
                let expires = copy.expires.filter(|_| copy.state == CopyState::Open);
                expires.filter(|expires| *expires <= until)
            })
        })
    }

    fn closed_copies(&self, until: Timestamp, limit: usize) -> Result<Vec<CopyRecord>> {
        self.read(|rows| {
            rows.copies_by(limit, |copy| {
                let closed = copy.state != CopyState::Open && copy.modified <= until;
                closed.then_some(copy.modified)
            })
        })
    }

    fn operation(&self, copy: &CopyId, id: OperationId) -> Result<Option<OperationRecord>> {
        self.read(|rows| rows.operations.get(&(*copy, id)).cloned())
    }

    fn put_operation(&self, copy: &CopyId, operation: &OperationRecord) -> Result<()> {
        self.write(|rows| {
            if self.checked() {
                rules::operation(operation);
            }
            rows.operations
                .put((*copy, operation.id), operation.clone());
        })
    }

    fn operations(
        &self,
        copy: &CopyId,
        after: Option<OperationId>,
        limit: usize,
    ) -> Result<Vec<OperationRecord>> {
        self.read(|rows| {
            let all = rows.operations_of(copy).map(|(_, operation)| operation);
            let wanted = all.filter(|operation| after.is_none_or(|after| operation.id > after));
            wanted.take(limit).cloned().collect()
        })
    }

    fn delete_operations(&self, copy: &CopyId, limit: usize) -> Result<usize> {
        self.write(|rows| {
            let oldest = rows.operations_of(copy).take(limit).map(|(key, _)| *key);
            let oldest: Vec<_> = oldest.collect();
            oldest.iter().for_each(|key| rows.operations.remove(key));
            oldest.len()
        })
    }

    fn revision(&self, id: RevisionId) -> Result<Option<RevisionRecord>> {
        self.read(|rows| rows.revisions.get(&id).cloned())
    }

    fn put_revision(&self, revision: &RevisionRecord) -> Result<()> {
        self.write(|rows| {
            if self.checked() {
                rules::revision(rows, revision);
            }
            rows.revisions.put(revision.id, revision.clone());
        })
    }

    fn delete_revision(&self, id: RevisionId) -> Result<()> {
        self.write(|rows| rows.revisions.remove(&id))
    }

    fn revisions(&self, before: Option<RevisionId>, limit: usize) -> Result<Vec<RevisionRecord>> {
        self.read(|rows| {
            let all = match before {
                Some(before) => rows.revisions.range(..before),
                None => rows.revisions.range(..),
            };
            let newest = all.rev().map(|(_, revision)| revision);
            newest.take(limit).cloned().collect()
        })
    }

    fn oldest_revisions(&self, limit: usize) -> Result<Vec<RevisionRecord>> {
        self.read(|rows| {
            let oldest = rows.revisions.rows().map(|(_, revision)| revision);
            oldest.take(limit).cloned().collect()
        })
    }

    fn append_event(&self, event: &Event) -> Result<()> {
        self.write(|rows| {
            if self.checked() {
                rules::event(event);
            }
            rows.events.put(rows.last_event() + 1, event.clone());
        })
    }

    fn last_event(&self) -> Result<u64> {
        self.read(Rows::last_event)
    }

    fn events(&self, after: u64, limit: usize) -> Result<Vec<EventRecord>> {
        self.read(|rows| {
            let found = rows.events.range(following(Some(after))).take(limit);
            found
                .map(|(sequence, event)| EventRecord {
                    sequence: *sequence,
                    event: event.clone(),
                })
                .collect()
        })
    }

    fn delete_events(&self, first: u64) -> Result<u64> {
        self.write(|rows| {
            let last = rows.last_event();
            let gone = rows
                .events
                .range(..first.min(last))
                .map(|(sequence, _)| *sequence);
            let gone: Vec<_> = gone.collect();
            gone.iter()
                .for_each(|sequence| rows.events.remove(sequence));
            gone.len() as u64
        })
    }

    fn grant(&self, id: &GrantId) -> Result<Option<GrantRecord>> {
        self.read(|rows| rows.grants.get(id).cloned())
    }

    fn grant_with_token(&self, token: &TokenHash) -> Result<Option<GrantRecord>> {
        self.read(|rows| {
            let mut grants = rows.grants.rows().map(|(_, grant)| grant);
            grants.find(|grant| grant.token == *token).cloned()
        })
    }

    fn put_grant(&self, grant: &GrantRecord) -> Result<()> {
        self.write(|rows| {
            if self.checked() {
                rules::grant(rows, grant);
            }
            rows.grants.put(grant.id, grant.clone());
        })
    }

    fn delete_grant(&self, id: &GrantId) -> Result<()> {
        self.write(|rows| rows.grants.remove(id))
    }

    fn set_used(&self, id: &GrantId, used: Used) -> Result<()> {
        self.write(|rows| {
            if let Some(grant) = rows.grants.get(id).cloned() {
                rows.grants.put(*id, GrantRecord { used, ..grant });
            }
        })
    }

    fn count_grants(&self, which: WhichGrants) -> Result<u64> {
        Ok(self.grants(which, None, usize::MAX)?.len() as u64)
    }

    fn grants(
        &self,
        which: WhichGrants,
        after: Option<&GrantId>,
        limit: usize,
    ) -> Result<Vec<GrantRecord>> {
        let is_to =
            |at, grant: &GrantRecord| matches!(grant.purpose, Purpose::Files(_)) && grant.at == at;
        self.read(|rows| {
            let all = rows.grants.range(following(after.copied()));
            let wanted = all.map(|(_, grant)| grant).filter(|grant| match which {
                WhichGrants::Every => true,
                WhichGrants::Files(at) => is_to(at, grant),
                WhichGrants::Issued(at) => is_to(at, grant) && grant.parent.is_none(),
                WhichGrants::MadeFrom(parent) => grant.parent == Some(parent),
                WhichGrants::Below(top) => grant.top == Some(top),
                WhichGrants::Sites => matches!(grant.purpose, Purpose::Site(_)),
            });
            wanted.take(limit).cloned().collect()
        })
    }

    fn memo(&self, holder: Option<&GrantId>, key: &MemoKey) -> Result<Option<MemoRecord>> {
        self.read(|rows| rows.memo(holder, key).map(|(_, memo)| memo.clone()))
    }

    fn put_memo(&self, memo: &MemoRecord) -> Result<()> {
        self.write(|rows| {
            if self.checked() {
                rules::memo(memo);
            }
            let number = rows.last_memo() + 1;
            if let Some((old, _)) = rows.memo(memo.holder.as_ref(), &memo.key) {
                rows.memos.remove(&old);
            }
            rows.memos.put(number, memo.clone());
        })
    }

    fn last_memo(&self) -> Result<u64> {
        self.read(Rows::last_memo)
    }

    fn memos(&self, after: u64, limit: usize) -> Result<Vec<MemoEntry>> {
        self.read(|rows| {
            let found = rows.memos.range(following(Some(after))).take(limit);
            let entry = |(number, memo): (&u64, &MemoRecord)| MemoEntry {
                number: *number,
                holder: memo.holder,
                key: memo.key.clone(),
                request: memo.request,
                size: memo.answer.len() as u64,
                at: memo.at,
            };
            found.map(entry).collect()
        })
    }

    fn delete_memos(&self, first: u64) -> Result<u64> {
        self.write(|rows| {
            let gone = rows.memos.range(..first).map(|(number, _)| *number);
            let gone: Vec<_> = gone.collect();
            gone.iter().for_each(|number| rows.memos.remove(number));
            gone.len() as u64
        })
    }

    fn collection(&self) -> Result<Option<CollectionRecord>> {
        self.read(|rows| rows.collection.get(&()).cloned())
    }

    fn set_collection(&self, collection: Option<&CollectionRecord>) -> Result<()> {
        self.write(|rows| match collection {
            Some(collection) => rows.collection.put((), collection.clone()),
            None => rows.collection.remove(&()),
        })
    }

    fn mark_node(&self, id: &TreeId) -> Result<Marked> {
        self.write(|rows| {
            if !rows.nodes.has(id) {
                return Marked::Missing;
            }
            if rows.node_marks.has(id) {
                return Marked::Already;
            }
            rows.node_marks.put(*id, ());
            rows.unscanned.put(*id, ());
            Marked::New
        })
    }

    fn is_marked(&self, id: &TreeId) -> Result<bool> {
        self.read(|rows| rows.nodes.has(id) && rows.node_marks.has(id))
    }

    fn mark_content(&self, id: &ContentId) -> Result<Marked> {
        self.write(|rows| {
            if !rows.contents.has(id) {
                return Marked::Missing;
            }
            if rows.content_marks.has(id) {
                return Marked::Already;
            }
            rows.content_marks.put(*id, ());
            Marked::New
        })
    }

    fn take_unscanned(&self, limit: usize) -> Result<Vec<TreeId>> {
        self.write(|rows| {
            // From the end: the order is nobody's to rely on.
            let taken: Vec<_> = rows.unscanned.rows().rev().take(limit).collect();
            let taken: Vec<TreeId> = taken.into_iter().map(|(id, ())| *id).collect();
            taken.iter().for_each(|id| rows.unscanned.remove(id));
            taken
        })
    }

    fn sweep(&self, after: u64, limit: usize) -> Result<Swept> {
        self.write(|rows| {
            let page = rows.places.range(following(Some(after))).take(limit.max(1));
            let page: Vec<(u64, Stored)> = page.map(|(place, stored)| (*place, *stored)).collect();
            let mut swept = Swept {
                looked: page.len(),
                last: page.last().map(|(place, _)| *place),
                ..Swept::default()
            };
            if page.len() < limit {
                swept.last = None;
            }
            for (place, stored) in page {
                match stored {
                    Stored::Node(id) if !rows.node_marks.has(&id) => swept.nodes += 1,
                    Stored::Content(id) if !rows.content_marks.has(&id) => swept.contents += 1,
                    _ => continue,
                }
                let object = rows.empty_place(Some(place), stored);
                swept.objects.extend(object);
            }
            swept
        })
    }

    fn clear_marks(&self, limit: usize) -> Result<bool> {
        self.write(|rows| {
            let nodes = rows.node_marks.rows().take(limit).map(|(id, ())| *id);
            let nodes: Vec<_> = nodes.collect();
            for id in &nodes {
                rows.node_marks.remove(id);
                rows.unscanned.remove(id);
            }
            let rest = limit - nodes.len();
            let contents = rows.content_marks.rows().take(rest).map(|(id, ())| *id);
            let contents: Vec<_> = contents.collect();
            contents.iter().for_each(|id| rows.content_marks.remove(id));
            rows.node_marks.rows().len() + rows.content_marks.rows().len() > 0
        })
    }

    fn usage(&self) -> Result<StoreUsage> {
        self.read(|rows| {
            let mut usage = StoreUsage {
                nodes: rows.nodes.rows().len() as u64,
                node_bytes: rows.nodes.rows().map(|(_, node)| node.len() as u64).sum(),
                copies: rows.copies.rows().len() as u64,
                operations: rows.operations.rows().len() as u64,
                revisions: rows.revisions.rows().len() as u64,
                ..StoreUsage::default()
            };
            for (_, content) in rows.contents.rows() {
                if let Place::Inline(_) = content.place {
                    usage.inline_contents += 1;
                    usage.inline_bytes += content.size;
                } else {
                    usage.object_contents += 1;
                    usage.object_bytes += content.size;
                }
            }
            usage
        })
    }
}
