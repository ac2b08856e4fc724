//! What calls cost, in the stores' own units.

use std::cell::Cell;
use std::ops::Sub;

use bytes::Bytes;

use crate::entry::Timestamp;
use crate::error::Result;
use crate::event::{Event, EventRecord};
use crate::id::{BlobKey, ContentId, CopyId, GrantId, OperationId, RevisionId, TokenHash, TreeId};
use crate::memo::MemoKey;
use crate::store::{
    CollectionRecord, ContentRecord, CopyRecord, GrantRecord, HeadRecord, Marked, MemoEntry,
    MemoRecord, MetaTx, OperationRecord, Place, RevisionRecord, StoreUsage, Swept, Used,
    WhichGrants,
};

/// What calls cost: rows, nodes, objects and bytes, as asked of the stores.
///
/// Counts, not times, so that "one row" and "a node a level" can be asserted.
/// A node that was served from the cache costs nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Receipt {
    /// Rows read, other than nodes: found, or looked for in vain.
    pub rows_read: u64,
    /// Rows written or deleted, other than nodes.
    pub rows_written: u64,
    /// Nodes read.
    pub nodes_read: u64,
    /// Nodes written or deleted.
    pub nodes_written: u64,
    /// Transactions that wrote and were committed.
    pub commits: u64,
    /// Calls to the blob store.
    pub blob_calls: u64,
    /// Bytes read: nodes, and contents from rows or objects.
    pub bytes_read: u64,
    /// Bytes written: nodes, and contents to rows or objects.
    pub bytes_written: u64,
}

impl Receipt {
    /// Returns how many rows and nodes were read, written or deleted.
    pub(crate) fn rows(&self) -> u64 {
        self.rows_read + self.rows_written + self.nodes_read + self.nodes_written
    }
}

impl Sub for Receipt {
    type Output = Self;

    /// Returns what was added since `earlier`.
    fn sub(self, earlier: Self) -> Self {
        Self {
            rows_read: self.rows_read - earlier.rows_read,
            rows_written: self.rows_written - earlier.rows_written,
            nodes_read: self.nodes_read - earlier.nodes_read,
            nodes_written: self.nodes_written - earlier.nodes_written,
            commits: self.commits - earlier.commits,
            blob_calls: self.blob_calls - earlier.blob_calls,
            bytes_read: self.bytes_read - earlier.bytes_read,
            bytes_written: self.bytes_written - earlier.bytes_written,
        }
    }
}

/// Adds up a receipt.
#[derive(Debug, Default)]
pub(crate) struct Meter(Cell<Receipt>);

impl Meter {
    pub(crate) fn receipt(&self) -> Receipt {
        self.0.get()
    }

    pub(crate) fn count(&self, add: impl FnOnce(&mut Receipt)) {
        let mut receipt = self.0.get();
        add(&mut receipt);
        self.0.set(receipt);
    }

    fn read<T>(&self, rows: usize, found: T) -> T {
        self.count(|receipt| receipt.rows_read += rows as u64);
        found
    }

    fn wrote<T>(&self, done: Result<T>) -> Result<T> {
        self.count(|receipt| receipt.rows_written += u64::from(done.is_ok()));
        done
    }

    /// A count goes over what it counts.
    fn counted(&self, found: u64) -> u64 {
        self.count(|receipt| receipt.rows_read += found.max(1));
        found
    }

    fn page<T>(&self, found: Vec<T>) -> Vec<T> {
        self.read(found.len().max(1), found)
    }
}

/// Counts what passes through to the rows underneath.
pub(crate) struct Metered<'a> {
    pub(crate) rows: &'a dyn MetaTx,
    pub(crate) meter: &'a Meter,
}

fn inline_bytes(content: &ContentRecord) -> u64 {
    match &content.place {
        Place::Inline(bytes) => bytes.len() as u64,
        Place::Object(_) => 0,
    }
}

impl MetaTx for Metered<'_> {
    fn head(&self) -> Result<Option<HeadRecord>> {
        Ok(self.meter.read(1, self.rows.head()?))
    }

    fn set_head(&self, head: &HeadRecord) -> Result<()> {
        self.meter.wrote(self.rows.set_head(head))
    }

    fn node(&self, id: &TreeId) -> Result<Option<Bytes>> {
        let node = self.rows.node(id)?;
        self.meter.count(|receipt| {
            receipt.nodes_read += 1;
            receipt.bytes_read += node.as_ref().map_or(0, |node| node.len() as u64);
        });
        Ok(node)
    }

    fn has_node(&self, id: &TreeId) -> Result<bool> {
        Ok(self.meter.read(1, self.rows.has_node(id)?))
    }

    fn nodes(&self, after: Option<&TreeId>, limit: usize) -> Result<Vec<TreeId>> {
        Ok(self.meter.page(self.rows.nodes(after, limit)?))
    }

    fn put_node(&self, id: &TreeId, encoded: &[u8]) -> Result<bool> {
        let new = self.rows.put_node(id, encoded)?;
        if new {
            self.meter.count(|receipt| {
                receipt.nodes_written += 1;
                receipt.bytes_written += encoded.len() as u64;
            });
        }
        Ok(new)
    }

    fn delete_node(&self, id: &TreeId) -> Result<()> {
        self.rows.delete_node(id)?;
        self.meter.count(|receipt| receipt.nodes_written += 1);
        Ok(())
    }

    fn content(&self, id: &ContentId) -> Result<Option<ContentRecord>> {
        let content = self.rows.content(id)?;
        let bytes = content.as_ref().map_or(0, inline_bytes);
        self.meter.count(|receipt| receipt.bytes_read += bytes);
        Ok(self.meter.read(1, content))
    }

    fn contents(&self, after: Option<&ContentId>, limit: usize) -> Result<Vec<ContentId>> {
        Ok(self.meter.page(self.rows.contents(after, limit)?))
    }

    fn put_content(&self, id: &ContentId, content: &ContentRecord) -> Result<bool> {
        let new = self.rows.put_content(id, content)?;
        if new {
            self.meter.count(|receipt| {
                receipt.rows_written += 1;
                receipt.bytes_written += inline_bytes(content);
            });
        }
        Ok(new)
    }

    fn delete_content(&self, id: &ContentId) -> Result<()> {
        self.meter.wrote(self.rows.delete_content(id))
    }

    fn has_object(&self, key: &BlobKey) -> Result<bool> {
        Ok(self.meter.read(1, self.rows.has_object(key)?))
    }

    fn copy(&self, id: &CopyId) -> Result<Option<CopyRecord>> {
        Ok(self.meter.read(1, self.rows.copy(id)?))
    }

    fn open_copy_named(&self, name: &str) -> Result<Option<CopyRecord>> {
        Ok(self.meter.read(1, self.rows.open_copy_named(name)?))
    }

    fn put_copy(&self, copy: &CopyRecord) -> Result<()> {
        self.meter.wrote(self.rows.put_copy(copy))
    }

    fn move_copy(&self, copy: &CopyRecord) -> Result<()> {
        self.meter.wrote(self.rows.move_copy(copy))
    }

    fn delete_copy(&self, id: &CopyId) -> Result<()> {
        self.meter.wrote(self.rows.delete_copy(id))
    }

    fn copies(
        &self,
        open_only: bool,
        after: Option<&CopyId>,
        limit: usize,
    ) -> Result<Vec<CopyRecord>> {
        Ok(self.meter.page(self.rows.copies(open_only, after, limit)?))
    }

    fn expiring_copies(&self, until: Timestamp, limit: usize) -> Result<Vec<CopyRecord>> {
        Ok(self.meter.page(self.rows.expiring_copies(until, limit)?))
    }

    fn count_nested(&self, top: &CopyId) -> Result<u64> {
        Ok(self.meter.counted(self.rows.count_nested(top)?))
    }

    fn nested(&self, top: &CopyId, limit: usize) -> Result<Vec<CopyRecord>> {
        Ok(self.meter.page(self.rows.nested(top, limit)?))
    }

    fn closed_copies(&self, until: Timestamp, limit: usize) -> Result<Vec<CopyRecord>> {
        Ok(self.meter.page(self.rows.closed_copies(until, limit)?))
    }

    fn operation(&self, copy: &CopyId, id: OperationId) -> Result<Option<OperationRecord>> {
        Ok(self.meter.read(1, self.rows.operation(copy, id)?))
    }

    fn put_operation(&self, copy: &CopyId, operation: &OperationRecord) -> Result<()> {
        self.meter.wrote(self.rows.put_operation(copy, operation))
    }

    fn operations(
        &self,
        copy: &CopyId,
        after: Option<OperationId>,
        limit: usize,
    ) -> Result<Vec<OperationRecord>> {
        Ok(self.meter.page(self.rows.operations(copy, after, limit)?))
    }

    fn delete_operations(&self, copy: &CopyId, limit: usize) -> Result<usize> {
        let deleted = self.rows.delete_operations(copy, limit)?;
        let rows = deleted as u64;
        self.meter.count(|receipt| receipt.rows_written += rows);
        Ok(deleted)
    }

    fn revision(&self, id: RevisionId) -> Result<Option<RevisionRecord>> {
        Ok(self.meter.read(1, self.rows.revision(id)?))
    }

    fn put_revision(&self, revision: &RevisionRecord) -> Result<()> {
        self.meter.wrote(self.rows.put_revision(revision))
    }

    fn delete_revision(&self, id: RevisionId) -> Result<()> {
        self.meter.wrote(self.rows.delete_revision(id))
    }

    fn revisions(&self, before: Option<RevisionId>, limit: usize) -> Result<Vec<RevisionRecord>> {
        Ok(self.meter.page(self.rows.revisions(before, limit)?))
    }

    fn oldest_revisions(&self, limit: usize) -> Result<Vec<RevisionRecord>> {
        Ok(self.meter.page(self.rows.oldest_revisions(limit)?))
    }

    fn append_event(&self, event: &Event) -> Result<()> {
        self.meter.wrote(self.rows.append_event(event))
    }

    fn last_event(&self) -> Result<u64> {
        Ok(self.meter.read(1, self.rows.last_event()?))
    }

    fn events(&self, after: u64, limit: usize) -> Result<Vec<EventRecord>> {
        Ok(self.meter.page(self.rows.events(after, limit)?))
    }

    fn delete_events(&self, first: u64) -> Result<u64> {
        let deleted = self.rows.delete_events(first)?;
        self.meter.count(|receipt| receipt.rows_written += deleted);
        Ok(deleted)
    }

    fn grant(&self, id: &GrantId) -> Result<Option<GrantRecord>> {
        Ok(self.meter.read(1, self.rows.grant(id)?))
    }

    fn grant_with_token(&self, token: &TokenHash) -> Result<Option<GrantRecord>> {
        Ok(self.meter.read(1, self.rows.grant_with_token(token)?))
    }

    fn put_grant(&self, grant: &GrantRecord) -> Result<()> {
        self.meter.wrote(self.rows.put_grant(grant))
    }

    fn delete_grant(&self, id: &GrantId) -> Result<()> {
        self.meter.wrote(self.rows.delete_grant(id))
    }

    fn set_used(&self, id: &GrantId, used: Used) -> Result<()> {
        self.meter.wrote(self.rows.set_used(id, used))
    }

    fn count_grants(&self, which: WhichGrants) -> Result<u64> {
        Ok(self.meter.counted(self.rows.count_grants(which)?))
    }

    fn grants(
        &self,
        which: WhichGrants,
        after: Option<&GrantId>,
        limit: usize,
    ) -> Result<Vec<GrantRecord>> {
        Ok(self.meter.page(self.rows.grants(which, after, limit)?))
    }

    fn memo(&self, holder: Option<&GrantId>, key: &MemoKey) -> Result<Option<MemoRecord>> {
        let found = self.rows.memo(holder, key)?;
        let bytes = found.as_ref().map_or(0, |memo| memo.answer.len() as u64);
        self.meter.count(|receipt| receipt.bytes_read += bytes);
        Ok(self.meter.read(1, found))
    }

    fn put_memo(&self, memo: &MemoRecord) -> Result<()> {
        let bytes = memo.answer.len() as u64;
        self.meter.wrote(self.rows.put_memo(memo))?;
        self.meter.count(|receipt| receipt.bytes_written += bytes);
        Ok(())
    }

    fn last_memo(&self) -> Result<u64> {
        Ok(self.meter.read(1, self.rows.last_memo()?))
    }

    fn memos(&self, after: u64, limit: usize) -> Result<Vec<MemoEntry>> {
        Ok(self.meter.page(self.rows.memos(after, limit)?))
    }

    fn delete_memos(&self, first: u64) -> Result<u64> {
        let deleted = self.rows.delete_memos(first)?;
        self.meter.count(|receipt| receipt.rows_written += deleted);
        Ok(deleted)
    }

    fn collection(&self) -> Result<Option<CollectionRecord>> {
        Ok(self.meter.read(1, self.rows.collection()?))
    }

    fn set_collection(&self, collection: Option<&CollectionRecord>) -> Result<()> {
        self.meter.wrote(self.rows.set_collection(collection))
    }

    fn mark_node(&self, id: &TreeId) -> Result<Marked> {
        Ok(self.meter.read(1, self.rows.mark_node(id)?))
    }

    fn is_marked(&self, id: &TreeId) -> Result<bool> {
        Ok(self.meter.read(1, self.rows.is_marked(id)?))
    }

    fn mark_content(&self, id: &ContentId) -> Result<Marked> {
        Ok(self.meter.read(1, self.rows.mark_content(id)?))
    }

    fn take_unscanned(&self, limit: usize) -> Result<Vec<TreeId>> {
        Ok(self.meter.page(self.rows.take_unscanned(limit)?))
    }

    fn sweep(&self, after: u64, limit: usize) -> Result<Swept> {
        let swept = self.rows.sweep(after, limit)?;
        self.meter.count(|receipt| {
            receipt.rows_read += swept.looked.max(1) as u64;
            receipt.nodes_written += swept.nodes;
            receipt.rows_written += swept.contents;
        });
        Ok(swept)
    }

    fn clear_marks(&self, limit: usize) -> Result<bool> {
        let more = self.rows.clear_marks(limit)?;
        // Where some are left, it deleted as many as it could.
        let deleted = if more { limit as u64 } else { 1 };
        self.meter.count(|receipt| receipt.rows_written += deleted);
        Ok(more)
    }

    fn usage(&self) -> Result<StoreUsage> {
        Ok(self.meter.read(1, self.rows.usage()?))
    }
}
