//! A metadata store that fails as planned.

use std::cell::Cell;
use std::fmt;

use bytes::Bytes;
use workspace_core::store::{
    CollectionRecord, ContentRecord, CopyRecord, GrantRecord, HeadRecord, Marked, MemoEntry,
    MemoRecord, MetaStore, MetaTx, OperationRecord, RevisionRecord, StoreUsage, Swept, Used,
    WhichGrants,
};
use workspace_core::{
    BlobKey, ContentId, CopyId, Event, EventRecord, GrantId, MemoKey, OperationId, Result,
    RevisionId, Timestamp, TokenHash, TreeId,
};

use super::plan::{FaultPlan, Verdict};

/// A metadata store that fails as its [`FaultPlan`] says.
///
/// It panics where a body goes on after a failed call as if nothing had happened.
pub struct FaultyMeta {
    meta: Box<dyn MetaStore>,
    plan: FaultPlan,
}

impl FaultyMeta {
    /// Wraps `meta`.
    pub fn new(meta: Box<dyn MetaStore>, plan: &FaultPlan) -> Self {
        Self {
            meta,
            plan: plan.clone(),
        }
    }

    fn run(&self, tx: &dyn MetaTx, body: &mut dyn FnMut(&dyn MetaTx) -> Result<()>) -> Result<()> {
        let tx = FaultyTx {
            tx,
            plan: &self.plan,
            failed: Cell::new(false),
        };
        body(&tx)?;
        assert!(!tx.failed.get(), "a transaction swallowed an error");
        Ok(())
    }
}

impl fmt::Debug for FaultyMeta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultyMeta")
            .field("plan", &self.plan)
            .finish_non_exhaustive()
    }
}

impl MetaStore for FaultyMeta {
    fn read(&self, body: &mut dyn FnMut(&dyn MetaTx) -> Result<()>) -> Result<()> {
        self.plan.call("begin read")?;
        self.meta.read(&mut |tx| self.run(tx, body))
    }

    fn write(&self, body: &mut dyn FnMut(&dyn MetaTx) -> Result<()>) -> Result<()> {
        self.plan.call("begin write")?;
        let mut verdict = Verdict::Proceed;
        self.meta.write(&mut |tx| {
            self.run(tx, body)?;
            verdict = self.plan.effect("commit")?;
            Ok(())
        })?;
        verdict.end("commit", ())
    }
}

struct FaultyTx<'a> {
    tx: &'a dyn MetaTx,
    plan: &'a FaultPlan,
    failed: Cell<bool>,
}

/// Counts each method before it passes it on.
macro_rules! counted {
    ($(fn $name:ident(&self $(, $arg:ident: $type:ty)*) -> $out:ty;)*) => {
        impl MetaTx for FaultyTx<'_> {
            $(fn $name(&self $(, $arg: $type)*) -> $out {
                self.plan
                    .call(stringify!($name))
                    .inspect_err(|_| self.failed.set(true))?;
                self.tx.$name($($arg),*)
            })*
        }
    };
}

counted! {
    fn head(&self) -> Result<Option<HeadRecord>>;
    fn set_head(&self, head: &HeadRecord) -> Result<()>;
    fn node(&self, id: &TreeId) -> Result<Option<Bytes>>;
    fn has_node(&self, id: &TreeId) -> Result<bool>;
    fn nodes(&self, after: Option<&TreeId>, limit: usize) -> Result<Vec<TreeId>>;
    fn put_node(&self, id: &TreeId, encoded: &[u8]) -> Result<bool>;
    fn delete_node(&self, id: &TreeId) -> Result<()>;
    fn content(&self, id: &ContentId) -> Result<Option<ContentRecord>>;
    fn contents(&self, after: Option<&ContentId>, limit: usize) -> Result<Vec<ContentId>>;
    fn put_content(&self, id: &ContentId, content: &ContentRecord) -> Result<bool>;
    fn delete_content(&self, id: &ContentId) -> Result<()>;
    fn has_object(&self, key: &BlobKey) -> Result<bool>;
    fn copy(&self, id: &CopyId) -> Result<Option<CopyRecord>>;
    fn open_copy_named(&self, name: &str) -> Result<Option<CopyRecord>>;
    fn put_copy(&self, copy: &CopyRecord) -> Result<()>;
    fn move_copy(&self, copy: &CopyRecord) -> Result<()>;
    fn delete_copy(&self, id: &CopyId) -> Result<()>;
    fn copies(&self, open_only: bool, after: Option<&CopyId>, limit: usize) -> Result<Vec<CopyRecord>>;
    fn count_nested(&self, top: &CopyId) -> Result<u64>;
    fn nested(&self, top: &CopyId, limit: usize) -> Result<Vec<CopyRecord>>;
    fn expiring_copies(&self, until: Timestamp, limit: usize) -> Result<Vec<CopyRecord>>;
    fn closed_copies(&self, until: Timestamp, limit: usize) -> Result<Vec<CopyRecord>>;
    fn operation(&self, copy: &CopyId, id: OperationId) -> Result<Option<OperationRecord>>;
    fn put_operation(&self, copy: &CopyId, operation: &OperationRecord) -> Result<()>;
    fn operations(&self, copy: &CopyId, after: Option<OperationId>, limit: usize) -> Result<Vec<OperationRecord>>;
    fn delete_operations(&self, copy: &CopyId, limit: usize) -> Result<usize>;
    fn revision(&self, id: RevisionId) -> Result<Option<RevisionRecord>>;
    fn put_revision(&self, revision: &RevisionRecord) -> Result<()>;
    fn delete_revision(&self, id: RevisionId) -> Result<()>;
    fn revisions(&self, before: Option<RevisionId>, limit: usize) -> Result<Vec<RevisionRecord>>;
    fn oldest_revisions(&self, limit: usize) -> Result<Vec<RevisionRecord>>;
    fn append_event(&self, event: &Event) -> Result<()>;
    fn last_event(&self) -> Result<u64>;
    fn events(&self, after: u64, limit: usize) -> Result<Vec<EventRecord>>;
    fn delete_events(&self, first: u64) -> Result<u64>;
    fn grant(&self, id: &GrantId) -> Result<Option<GrantRecord>>;
    fn grant_with_token(&self, token: &TokenHash) -> Result<Option<GrantRecord>>;
    fn put_grant(&self, grant: &GrantRecord) -> Result<()>;
    fn delete_grant(&self, id: &GrantId) -> Result<()>;
    fn set_used(&self, id: &GrantId, used: Used) -> Result<()>;
    fn count_grants(&self, which: WhichGrants) -> Result<u64>;
    fn grants(&self, which: WhichGrants, after: Option<&GrantId>, limit: usize) -> Result<Vec<GrantRecord>>;
    fn memo(&self, holder: Option<&GrantId>, key: &MemoKey) -> Result<Option<MemoRecord>>;
    fn put_memo(&self, memo: &MemoRecord) -> Result<()>;
    fn last_memo(&self) -> Result<u64>;
    fn memos(&self, after: u64, limit: usize) -> Result<Vec<MemoEntry>>;
    fn delete_memos(&self, first: u64) -> Result<u64>;
    fn collection(&self) -> Result<Option<CollectionRecord>>;
    fn set_collection(&self, collection: Option<&CollectionRecord>) -> Result<()>;
    fn mark_node(&self, id: &TreeId) -> Result<Marked>;
    fn is_marked(&self, id: &TreeId) -> Result<bool>;
    fn mark_content(&self, id: &ContentId) -> Result<Marked>;
    fn take_unscanned(&self, limit: usize) -> Result<Vec<TreeId>>;
    fn sweep(&self, after: u64, limit: usize) -> Result<Swept>;
    fn clear_marks(&self, limit: usize) -> Result<bool>;
    fn usage(&self) -> Result<StoreUsage>;
}
