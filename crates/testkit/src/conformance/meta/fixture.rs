//! Records to write, and everything back to empty.

use std::collections::BTreeMap;

use bytes::Bytes;
use workspace_core::store::{
    Budget, CollectionRecord, ContentRecord, CopyRecord, CopyState, GrantRecord, HeadRecord,
    MemoEntry, MemoRecord, MetaStore, MetaTx, OperationCause, OperationRecord, Place, Purpose,
    RevisionCause, RevisionRecord, StoreUsage, Used, WhichGrants,
};
use workspace_core::{
    At, BlobKey, ContentId, CopyId, EventRecord, Grant, GrantId, MemoKey, OperationId, RequestHash,
    Result, RevisionId, Timestamp, TokenHash, TreeId,
};

/// Enough rows of a kind to be everything that these tests wrote.
const MANY: usize = 10_000;

pub(super) fn read<T>(store: &dyn MetaStore, mut body: impl FnMut(&dyn MetaTx) -> Result<T>) -> T {
    let mut out = None;
    store
        .read(&mut |tx| {
            out = Some(body(tx)?);
            Ok(())
        })
        .expect("this read has nothing to fail on");
    out.expect("read runs its body")
}

pub(super) fn write<T>(store: &dyn MetaStore, mut body: impl FnMut(&dyn MetaTx) -> Result<T>) -> T {
    let mut out = None;
    store
        .write(&mut |tx| {
            out = Some(body(tx)?);
            Ok(())
        })
        .expect("this write has nothing to fail on");
    out.expect("write runs its body")
}

/// Returns a tree id that orders as `n` does.
pub(super) fn tree(n: u64) -> TreeId {
    let mut bytes = [0x5a; 32];
    bytes[..8].copy_from_slice(&n.to_be_bytes());
    TreeId::from_bytes(bytes)
}

/// Stores a node for each of `trees`, so that records may refer to them.
pub(super) fn plant(store: &dyn MetaStore, trees: impl IntoIterator<Item = u64>) {
    let trees: Vec<_> = trees.into_iter().collect();
    write(store, |tx| {
        for n in &trees {
            tx.put_node(&tree(*n), format!("node {n}").as_bytes())?;
        }
        Ok(())
    });
}

/// Returns a copy id that orders as `n` does, over the whole range of bytes.
pub(super) fn copy_id(n: u8) -> CopyId {
    let mut bytes = [0x80; 16];
    bytes[0] = n;
    CopyId::from_bytes(bytes)
}

pub(super) fn blob_key(text: &str) -> BlobKey {
    text.parse().expect("the tests' keys are valid")
}

pub(super) fn inline(bytes: &[u8]) -> (ContentId, ContentRecord) {
    let record = ContentRecord {
        size: bytes.len() as u64,
        place: Place::Inline(Bytes::copy_from_slice(bytes)),
    };
    (ContentId::of(bytes), record)
}

pub(super) fn object(name: &str, size: u64) -> (ContentId, ContentRecord) {
    let record = ContentRecord {
        size,
        place: Place::Object(blob_key(name)),
    };
    (ContentId::of(name.as_bytes()), record)
}

/// Returns an open copy at tree 1.
pub(super) fn open_copy(n: u8) -> CopyRecord {
    CopyRecord {
        id: copy_id(n),
        name: None,
        state: CopyState::Open,
        parent: None,
        top: None,
        base_version: 0,
        base: tree(1),
        tree: tree(1),
        generation: 0,
        operation: None,
        created: Timestamp::from_millis(1_000),
        modified: Timestamp::from_millis(1_000),
        expires: None,
    }
}

/// Returns an operation from tree 1 to tree 1.
pub(super) fn operation(n: u64) -> OperationRecord {
    OperationRecord {
        id: OperationId::new(n),
        cause: OperationCause::Edit,
        actor: format!("actor {n}"),
        note: format!("note {n}"),
        at: Timestamp::from_millis(2_000),
        before: tree(1),
        after: tree(1),
    }
}

/// Returns a snapshot of tree 1.
pub(super) fn revision(n: u64) -> RevisionRecord {
    RevisionRecord {
        id: RevisionId::new(n),
        parent: None,
        tree: tree(1),
        version: 0,
        cause: RevisionCause::Snapshot,
        actor: format!("actor {n}"),
        message: format!("message {n}"),
        at: Timestamp::from_millis(3_000),
        metadata: BTreeMap::new(),
    }
}

/// Returns a grant id that orders as `n` does, over the whole range of bytes.
pub(super) fn grant_id(n: u8) -> GrantId {
    let mut bytes = [0x80; 16];
    bytes[0] = n;
    GrantId::from_bytes(bytes)
}

/// Returns a grant to all files of copy 1.
pub(super) fn grant(n: u8) -> GrantRecord {
    GrantRecord {
        id: grant_id(n),
        token: TokenHash::from_bytes([n; 32]),
        at: At::Copy(copy_id(1)),
        purpose: Purpose::Files(Grant::all()),
        label: format!("label {n}"),
        actor: format!("actor {n}"),
        parent: None,
        top: None,
        budget: Budget::default(),
        used: Used::default(),
        created: Timestamp::from_millis(4_000),
        expires: None,
    }
}

/// Returns a memo of nobody's under the key `n`.
pub(super) fn memo(n: u64) -> MemoRecord {
    MemoRecord {
        holder: None,
        key: MemoKey::new(&format!("key-{n}")).expect("it is a key"),
        request: RequestHash::of([&n.to_be_bytes()[..]]),
        answer: format!("answer {n}").into(),
        at: Timestamp::from_millis(5_000),
    }
}

/// Deletes every row but head, which it leaves at tree 0 and without a revision,
/// and the newest event.
pub(super) fn empty(store: &dyn MetaStore) {
    write(store, |tx| {
        while tx.clear_marks(MANY)? {}
        tx.set_collection(None)?;
        if let Some(head) = tx.head()? {
            tx.put_node(&tree(0), b"node 0")?;
            tx.set_head(&HeadRecord {
                version: head.version + 1,
                tree: tree(0),
                revision: None,
                recorded: None,
                ..head
            })?;
        }
        for copy in tx.copies(false, None, MANY)? {
            tx.delete_copy(&copy.id)?;
        }
        let last = tx.last_event()?;
        tx.delete_events(last)?;
        for revision in tx.revisions(None, MANY)? {
            tx.delete_revision(revision.id)?;
        }
        for grant in tx.grants(WhichGrants::Every, None, MANY)? {
            tx.delete_grant(&grant.id)?;
        }
        let last = tx.last_memo()?;
        tx.delete_memos(last + 1)?;
        for id in tx.contents(None, MANY)? {
            tx.delete_content(&id)?;
        }
        let head = tx.head()?.map(|head| head.tree);
        for id in tx.nodes(None, MANY)? {
            if Some(id) != head {
                tx.delete_node(&id)?;
            }
        }
        Ok(())
    });
}

/// Everything that a store shows while nothing is marked.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Dump {
    head: Option<HeadRecord>,
    nodes: Vec<(TreeId, Option<Bytes>)>,
    contents: Vec<(ContentId, Option<ContentRecord>)>,
    copies: Vec<(CopyRecord, Vec<OperationRecord>)>,
    revisions: Vec<RevisionRecord>,
    events: Vec<EventRecord>,
    grants: Vec<GrantRecord>,
    memos: Vec<(MemoEntry, Option<MemoRecord>)>,
    collection: Option<CollectionRecord>,
    usage: StoreUsage,
}

pub(super) fn dump(tx: &dyn MetaTx) -> Result<Dump> {
    let nodes = tx.nodes(None, MANY)?.into_iter();
    let contents = tx.contents(None, MANY)?.into_iter();
    let copies = tx.copies(false, None, MANY)?.into_iter();
    let memos = tx.memos(0, MANY)?.into_iter();
    Ok(Dump {
        head: tx.head()?,
        nodes: nodes
            .map(|id| Ok((id, tx.node(&id)?)))
            .collect::<Result<_>>()?,
        contents: contents
            .map(|id| Ok((id, tx.content(&id)?)))
            .collect::<Result<_>>()?,
        copies: copies
            .map(|copy| {
                let operations = tx.operations(&copy.id, None, MANY)?;
                Ok((copy, operations))
            })
            .collect::<Result<_>>()?,
        revisions: tx.revisions(None, MANY)?,
        events: tx.events(0, MANY)?,
        grants: tx.grants(WhichGrants::Every, None, MANY)?,
        memos: memos
            .map(|memo| {
                let found = tx.memo(memo.holder.as_ref(), &memo.key)?;
                Ok((memo, found))
            })
            .collect::<Result<_>>()?,
        collection: tx.collection()?,
        usage: tx.usage()?,
    })
}
