//! What a backend implements: rows and nodes ([`MetaStore`]), and objects
//! ([`BlobStore`]).
//!
//! Both traits are minimal and have no default methods; caching, metering and
//! convenience live on the facade. `workspace-testkit` holds conformance
//! functions for either.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::pin::Pin;

use bytes::Bytes;
use futures::Stream;
use futures::future::BoxFuture;

use crate::entry::Timestamp;
use crate::error::Result;
use crate::event::{Event, EventRecord};
use crate::grant::Grant;
use crate::id::{
    BlobKey, ContentId, CopyId, GrantId, OperationId, RequestHash, RevisionId, TokenHash, TreeId,
};
use crate::memo::MemoKey;
use crate::path::{Name, TreePath};
use crate::workspace::At;

/// A stream of bytes in chunks of any size.
pub type ByteStream<'a> = Pin<Box<dyn Stream<Item = Result<Bytes>> + Send + 'a>>;

/// The metadata of one workspace: synchronous, with one writer.
///
/// Object-safe. The facade is its only caller and never nests the two methods.
pub trait MetaStore {
    /// Runs `body` over one consistent state. `body` writes nothing.
    ///
    /// # Errors
    /// Those of `body`, and the store's own.
    fn read(&self, body: &mut dyn FnMut(&dyn MetaTx) -> Result<()>) -> Result<()>;

    /// Runs `body` exactly once and commits what it wrote, durably, or nothing
    /// of it where `body` or the commit fails.
    ///
    /// # Errors
    /// Those of `body`, and the store's own. After an error of the commit itself
    /// the writes may or may not be there; every facade call can be repeated.
    fn write(&self, body: &mut dyn FnMut(&dyn MetaTx) -> Result<()>) -> Result<()>;

    /// Runs `body` as [`write`](Self::write) does, except that a crash may lose what it
    /// committed, until a later `write` has returned: commits are lost from the last one
    /// backwards, and never in part.
    ///
    /// # Errors
    /// As for [`write`](Self::write).
    fn write_unsynced(&self, body: &mut dyn FnMut(&dyn MetaTx) -> Result<()>) -> Result<()>;
}

/// The rows of one workspace inside a transaction.
///
/// Each `put_*` inserts or replaces by key unless it says otherwise; each
/// `delete_*` of an absent row is not an error. Pages are in key order.
pub trait MetaTx {
    /// Returns the head, or `None` before the workspace was created.
    fn head(&self) -> Result<Option<HeadRecord>>;
    /// Replaces the head.
    fn set_head(&self, head: &HeadRecord) -> Result<()>;

    /// Returns an encoded node.
    fn node(&self, id: &TreeId) -> Result<Option<Bytes>>;
    /// Tells whether a node is stored, without reading it.
    fn has_node(&self, id: &TreeId) -> Result<bool>;
    /// Returns the ids of up to `limit` stored nodes after `after`.
    fn nodes(&self, after: Option<&TreeId>, limit: usize) -> Result<Vec<TreeId>>;
    /// Stores a node unless it is there; returns whether it was new.
    fn put_node(&self, id: &TreeId, encoded: &[u8]) -> Result<bool>;
    /// Deletes a node.
    fn delete_node(&self, id: &TreeId) -> Result<()>;

    /// Returns where a content is.
    fn content(&self, id: &ContentId) -> Result<Option<ContentRecord>>;
    /// Returns the ids of up to `limit` stored contents after `after`.
    fn contents(&self, after: Option<&ContentId>, limit: usize) -> Result<Vec<ContentId>>;
    /// Stores a content unless it is there; returns whether it was new.
    fn put_content(&self, id: &ContentId, content: &ContentRecord) -> Result<bool>;
    /// Deletes a content row (never the object).
    fn delete_content(&self, id: &ContentId) -> Result<()>;
    /// Tells whether a content refers to the object under `key`.
    fn has_object(&self, key: &BlobKey) -> Result<bool>;

    /// Returns a copy, whatever its state.
    fn copy(&self, id: &CopyId) -> Result<Option<CopyRecord>>;
    /// Returns the open copy of that name; at most one has it.
    fn open_copy_named(&self, name: &str) -> Result<Option<CopyRecord>>;
    /// Inserts or replaces a copy by id.
    fn put_copy(&self, copy: &CopyRecord) -> Result<()>;
    /// Replaces what a change moves in the row of a copy that is there: base,
    /// base version, tree, generation, operation and time of modification. State,
    /// name, parent and expiry stay, so that no index over them is written.
    fn move_copy(&self, copy: &CopyRecord) -> Result<()>;
    /// Deletes a copy and its operations.
    fn delete_copy(&self, id: &CopyId) -> Result<()>;
    /// Returns up to `limit` copies after `after` in id order; with `open_only`,
    /// those that are open.
    fn copies(
        &self,
        open_only: bool,
        after: Option<&CopyId>,
        limit: usize,
    ) -> Result<Vec<CopyRecord>>;

    /// Counts the open copies below `top`, at whatever depth.
    fn count_nested(&self, top: &CopyId) -> Result<u64>;
    /// Returns up to `limit` of those copies, in the order of their ids.
    fn nested(&self, top: &CopyId, limit: usize) -> Result<Vec<CopyRecord>>;

    /// Returns up to `limit` of the open copies that expire at `until` or before,
    /// in the order of that, then of their ids.
    fn expiring_copies(&self, until: Timestamp, limit: usize) -> Result<Vec<CopyRecord>>;
    /// Returns up to `limit` of the closed copies that were last modified at
    /// `until` or before, in the order of that, then of their ids.
    fn closed_copies(&self, until: Timestamp, limit: usize) -> Result<Vec<CopyRecord>>;

    /// Returns an operation of a copy.
    fn operation(&self, copy: &CopyId, id: OperationId) -> Result<Option<OperationRecord>>;
    /// Inserts or replaces an operation of a copy by its id.
    fn put_operation(&self, copy: &CopyId, operation: &OperationRecord) -> Result<()>;
    /// Returns up to `limit` operations of a copy after `after`, oldest first.
    fn operations(
        &self,
        copy: &CopyId,
        after: Option<OperationId>,
        limit: usize,
    ) -> Result<Vec<OperationRecord>>;

    /// Deletes up to `limit` of the oldest operations of a copy; returns how many.
    fn delete_operations(&self, copy: &CopyId, limit: usize) -> Result<usize>;

    /// Returns a revision.
    fn revision(&self, id: RevisionId) -> Result<Option<RevisionRecord>>;
    /// Inserts or replaces a revision by id.
    fn put_revision(&self, revision: &RevisionRecord) -> Result<()>;
    /// Deletes a revision.
    fn delete_revision(&self, id: RevisionId) -> Result<()>;
    /// Returns up to `limit` revisions before `before` (all, where `None`),
    /// newest first.
    fn revisions(&self, before: Option<RevisionId>, limit: usize) -> Result<Vec<RevisionRecord>>;
    /// Returns up to `limit` revisions, oldest first.
    fn oldest_revisions(&self, limit: usize) -> Result<Vec<RevisionRecord>>;

    /// Appends an event to the feed. Its number is one more than that of the
    /// newest; 1 for the first.
    fn append_event(&self, event: &Event) -> Result<()>;
    /// Returns the number of the newest event; 0 before the first.
    fn last_event(&self) -> Result<u64>;
    /// Returns up to `limit` events after the number `after`, oldest first.
    fn events(&self, after: u64, limit: usize) -> Result<Vec<EventRecord>>;
    /// Deletes the events before the number `first`; returns how many. The newest
    /// event is never deleted: the numbers go on from it.
    fn delete_events(&self, first: u64) -> Result<u64>;

    /// Returns a grant.
    fn grant(&self, id: &GrantId) -> Result<Option<GrantRecord>>;
    /// Returns the grant whose token has that hash; at most one has it.
    fn grant_with_token(&self, token: &TokenHash) -> Result<Option<GrantRecord>>;
    /// Inserts or replaces a grant by id.
    fn put_grant(&self, grant: &GrantRecord) -> Result<()>;
    /// Deletes a grant.
    fn delete_grant(&self, id: &GrantId) -> Result<()>;
    /// Replaces what has been used of a grant's budget; of an absent one nothing.
    fn set_used(&self, id: &GrantId, used: Used) -> Result<()>;
    /// Counts those grants, dead ones included.
    fn count_grants(&self, which: WhichGrants) -> Result<u64>;
    /// Returns up to `limit` of those grants after `after`, in id order.
    fn grants(
        &self,
        which: WhichGrants,
        after: Option<&GrantId>,
        limit: usize,
    ) -> Result<Vec<GrantRecord>>;

    /// Returns the memo under a key of a grant's holder, or of nobody's.
    fn memo(&self, holder: Option<&GrantId>, key: &MemoKey) -> Result<Option<MemoRecord>>;
    /// Appends a memo, and deletes the one under the same key of the same holder. Its number
    /// is one more than that of the newest; 1 where there is none.
    fn put_memo(&self, memo: &MemoRecord) -> Result<()>;
    /// Returns the number of the newest memo; 0 where there is none.
    fn last_memo(&self) -> Result<u64>;
    /// Returns what is known of up to `limit` memos after the number `after` without their
    /// answers, oldest first.
    fn memos(&self, after: u64, limit: usize) -> Result<Vec<MemoEntry>>;
    /// Deletes the memos before the number `first`; returns how many.
    fn delete_memos(&self, first: u64) -> Result<u64>;

    /// Returns the collection under way, or the last one.
    fn collection(&self) -> Result<Option<CollectionRecord>>;
    /// Replaces it.
    fn set_collection(&self, collection: Option<&CollectionRecord>) -> Result<()>;
    /// Marks a stored node as reachable, and puts it on the list of those to be
    /// scanned where the mark is new.
    fn mark_node(&self, id: &TreeId) -> Result<Marked>;
    /// Tells whether a node is stored and marked.
    fn is_marked(&self, id: &TreeId) -> Result<bool>;
    /// Marks a stored content as reachable.
    fn mark_content(&self, id: &ContentId) -> Result<Marked>;
    /// Takes up to `limit` nodes off the list of those to be scanned.
    fn take_unscanned(&self, limit: usize) -> Result<Vec<TreeId>>;
    /// Looks at stored nodes and contents in the order of their places, from
    /// after `after` on, until it has seen about `limit` of them, and deletes
    /// those without a mark. The place of what is stored while a sweep goes on
    /// lies behind all that were there before.
    fn sweep(&self, after: u64, limit: usize) -> Result<Swept>;
    /// Deletes up to `limit` rows of marks and of what is to be scanned; returns
    /// whether any are left.
    fn clear_marks(&self, limit: usize) -> Result<bool>;

    /// Counts what is stored. Reads every row.
    fn usage(&self) -> Result<StoreUsage>;
}

/// The objects of one workspace, under opaque keys.
///
/// An object is written once and never changed. Natively an object is durable
/// when `put` returns.
pub trait BlobStore: Send + Sync {
    /// Stores a stream under a fresh key and returns its size in bytes. Where
    /// it fails nothing is under the key, or a remnant that `list` shows.
    fn put<'a>(&'a self, key: &'a BlobKey, body: ByteStream<'a>) -> BoxFuture<'a, Result<u64>>;
    /// Returns the bytes of `range`, clamped to the object; `None` where there
    /// is no such object.
    fn get<'a>(
        &'a self,
        key: &'a BlobKey,
        range: Range<u64>,
    ) -> BoxFuture<'a, Result<Option<ByteStream<'static>>>>;
    /// Deletes objects, as many in one call as the store takes; an absent one is
    /// not an error. Where it fails, any of them may be gone.
    fn delete<'a>(&'a self, keys: &'a [BlobKey]) -> BoxFuture<'a, Result<()>>;
    /// Returns up to `limit` keys after `after`, in byte order, with the sizes of
    /// their objects.
    fn list<'a>(
        &'a self,
        after: Option<&'a BlobKey>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Listed>>>;
}

/// A key of the blob store, as `list` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The key.
    pub key: BlobKey,
    /// The object's size in bytes; `None` for a remnant of a `put` that failed,
    /// which `get` does not find.
    pub size: Option<u64>,
}

/// The current files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadRecord {
    /// Raised by each write to head; 0 when the workspace is created.
    pub version: u64,
    /// The files.
    pub tree: TreeId,
    /// The newest revision, `None` before the first.
    pub revision: Option<RevisionId>,
    /// The tree of the newest revision; where it differs from `tree`, head holds
    /// writes that no revision records.
    pub recorded: Option<TreeId>,
    /// When head last moved.
    pub modified: Timestamp,
}

/// A content and where its bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentRecord {
    /// Size in bytes.
    pub size: u64,
    /// Where the bytes are.
    pub place: Place,
}

/// Where the bytes of a content are.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// In the row itself.
    Inline(Bytes),
    /// One object in the blob store.
    Object(BlobKey),
}

/// A working copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyRecord {
    /// Its identity.
    pub id: CopyId,
    /// Its name, unique among open copies.
    pub name: Option<String>,
    /// Whether it is open, and how it was closed.
    pub state: CopyState,
    /// The copy that it is based on and applied to; `None` for head. That of an
    /// open copy is open.
    pub parent: Option<CopyId>,
    /// The last of those above it, whose parent is head; `None` where it has no
    /// parent but head.
    pub top: Option<CopyId>,
    /// The version of head, or the generation of its parent, that it is based on.
    pub base_version: u64,
    /// The tree that it is based on.
    pub base: TreeId,
    /// Its files.
    pub tree: TreeId,
    /// Raised by each change; 0 when it is forked.
    pub generation: u64,
    /// The id of its newest operation; `None` before the first.
    pub operation: Option<OperationId>,
    /// When it was forked.
    pub created: Timestamp,
    /// When it was last changed or closed.
    pub modified: Timestamp,
    /// When it expires; `None` for never.
    pub expires: Option<Timestamp>,
}

/// Whether a copy is open, and how it was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CopyState {
    /// It can be edited, applied and discarded.
    Open,
    /// It was applied to its parent.
    Applied(AppliedAs),
    /// It was thrown away.
    Discarded,
}

/// What a copy was applied as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AppliedAs {
    /// As this revision of head.
    Revision(RevisionId),
    /// As this operation of the copy that is its parent.
    Operation(OperationId),
}

impl fmt::Display for AppliedAs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Revision(id) => write!(f, "revision {id}"),
            Self::Operation(id) => write!(f, "operation {id} of its parent"),
        }
    }
}

/// One batch of changes to a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationRecord {
    /// Its number within the copy.
    pub id: OperationId,
    /// What made it.
    pub cause: OperationCause,
    /// Who made it; empty where nobody said.
    pub actor: String,
    /// What it is for; empty where nobody said.
    pub note: String,
    /// When it was made.
    pub at: Timestamp,
    /// The copy's files before it.
    pub before: TreeId,
    /// The copy's files after it.
    pub after: TreeId,
}

/// What made an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OperationCause {
    /// A batch of changes.
    Edit,
    /// A tree import.
    Import,
    /// A rebase onto this version of head, or generation of the parent.
    Rebase(u64),
    /// The undoing of this operation.
    Undo(OperationId),
    /// This copy, whose parent it is, was applied, or a part of what it changed.
    Apply(CopyId),
}

/// An immutable recovery point of head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevisionRecord {
    /// Its number.
    pub id: RevisionId,
    /// The revision before it; `None` for the first.
    pub parent: Option<RevisionId>,
    /// The files.
    pub tree: TreeId,
    /// The version of head that it recorded.
    pub version: u64,
    /// What recorded it.
    pub cause: RevisionCause,
    /// Who did; empty where nobody said.
    pub actor: String,
    /// What for; empty where nobody said.
    pub message: String,
    /// When.
    pub at: Timestamp,
    /// Whatever the caller wants to keep with it.
    pub metadata: BTreeMap<String, String>,
}

/// What recorded a revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RevisionCause {
    /// A copy was applied.
    Apply(CopyId),
    /// A part of what a copy changed was applied.
    ApplyInPart(CopyId),
    /// Head was recorded as it was.
    Snapshot,
    /// This revision's tree was made head again.
    Restore(RevisionId),
}

/// What a token stands for. The token itself is nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantRecord {
    /// Its identity.
    pub id: GrantId,
    /// The SHA-256 of its token.
    pub token: TokenHash,
    /// The files that it is bound to.
    pub at: At,
    /// What its holder may do with them.
    pub purpose: Purpose,
    /// What it is for; empty where nobody said.
    pub label: String,
    /// The name under which its holder's changes are logged; may be empty.
    pub actor: String,
    /// The grant that it was attenuated from.
    pub parent: Option<GrantId>,
    /// The one that was issued, at the top of the line of parents. Where there is one.
    pub top: Option<GrantId>,
    /// What its holder, and those of all that were attenuated from it, may add.
    pub budget: Budget,
    /// What they have used of that.
    pub used: Used,
    /// When it was issued.
    pub created: Timestamp,
    /// When it expires; `None` for never.
    pub expires: Option<Timestamp>,
}

/// What the holder of a grant may add to the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Budget {
    /// How many bytes its changes write and copy, in all: those of the files, and of each
    /// entry that they put its name and what it says (a symlink's target, a media type, a
    /// provenance). What is written over one another counts each time, since each is kept
    /// to be undone.
    pub max_bytes: Option<u64>,
    /// By how many entries its changes make the tree grow. What they remove gives room
    /// back, as far as they had taken it.
    pub max_entries: Option<u64>,
}

/// What has been used of a [`Budget`]; 0 of what it does not limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Used {
    /// Bytes.
    pub bytes: u64,
    /// Entries.
    pub entries: u64,
}

/// What the holder of a token may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// Use the files within this grant.
    Files(Grant),
    /// Look at files as a site: a preview.
    Site(Site),
}

/// How a tree is shown as a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// The directory that is the site.
    pub root: TreePath,
    /// The file that stands for its directory.
    pub index: Name,
    /// The file that stands for pages that do not exist, as seen from the root.
    pub fallback: Option<TreePath>,
    /// Whether it has the names that begin with a dot.
    pub hidden: bool,
    /// Whether it is an application: its code is run, and none of it shown, by who can. A
    /// server that cannot shows nothing of it.
    pub app: bool,
}

/// Which grants a page is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WhichGrants {
    /// All, previews included.
    Every,
    /// Those to these files.
    Files(At),
    /// Those of them that were issued, and not attenuated from another.
    Issued(At),
    /// Those that were attenuated from this one.
    MadeFrom(GrantId),
    /// Those that have this one as their [`top`](GrantRecord::top).
    Below(GrantId),
    /// Previews.
    Sites,
}

/// What a call led to, for who repeats it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoRecord {
    /// The grant whose holder made the call; `None` for who has the workspace.
    pub holder: Option<GrantId>,
    /// The key that the caller chose.
    pub key: MemoKey,
    /// What was asked for.
    pub request: RequestHash,
    /// What the caller was told, in up to [`MAX_MEMO`](crate::MAX_MEMO) bytes.
    pub answer: Bytes,
    /// When the call was made.
    pub at: Timestamp,
}

/// A [`MemoRecord`] in the order in which they were put, without its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoEntry {
    /// Its number.
    pub number: u64,
    /// The grant whose holder made the call.
    pub holder: Option<GrantId>,
    /// The key.
    pub key: MemoKey,
    /// What was asked for.
    pub request: RequestHash,
    /// How many bytes the answer has.
    pub size: u64,
    /// When the call was made.
    pub at: Timestamp,
}

/// How far the last collection has come. See `docs/architecture.md`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectionRecord {
    /// What it does next.
    pub phase: CollectionPhase,
    /// The newest event when it began.
    pub began: u64,
    /// Nodes deleted so far.
    pub nodes: u64,
    /// Contents deleted so far.
    pub contents: u64,
}

/// The steps of a collection, in the order in which they follow one another, each
/// with where it is in its table; [`Done`](Self::Done) last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CollectionPhase {
    /// Deleting the marks that an earlier collection left.
    Clear,
    /// Deleting the events that are no longer kept.
    Events,
    /// Deleting the grants after this one that are dead.
    Grants(Option<GrantId>),
    /// Marking the trees of the revisions before this one.
    Revisions(Option<RevisionId>),
    /// Marking the trees of open copies after this one.
    Copies(Option<CopyId>),
    /// Marking the trees of this open copy's operations after this one.
    Operations(CopyId, Option<OperationId>),
    /// Scanning marked nodes.
    Scan,
    /// Deleting nodes and contents without a mark, after this place.
    Sweep(u64),
    /// Deleting objects that no content refers to, after this one.
    SweepObjects(Option<BlobKey>),
    /// Nothing: it is complete.
    Done,
}

impl CollectionPhase {
    /// Tells whether writers must mark what they put in this phase. Before it, the
    /// roots are still to be marked; after it, no row is deleted any more.
    pub(crate) fn marks(&self) -> bool {
        !matches!(self, Self::Clear | Self::SweepObjects(_) | Self::Done)
    }

    /// Tells whether rows without a mark are being deleted in this phase.
    pub(crate) fn sweeps(&self) -> bool {
        matches!(self, Self::Sweep(_))
    }

    /// Tells whether its step is a transaction; otherwise it waits for the blob
    /// store, or there is none.
    pub(crate) fn is_transaction(&self) -> bool {
        !matches!(self, Self::SweepObjects(_) | Self::Done)
    }
}

/// What marking something led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marked {
    /// It has a mark now.
    New,
    /// It had one.
    Already,
    /// It is not stored, and there is nothing to mark.
    Missing,
}

/// What a step of a sweep did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Swept {
    /// Nodes deleted.
    pub nodes: u64,
    /// Contents deleted.
    pub contents: u64,
    /// The objects that the deleted contents were in; the caller deletes them
    /// after the commit.
    pub objects: Vec<BlobKey>,
    /// How many nodes and contents it looked at.
    pub looked: usize,
    /// The place up to which it looked; `None` where it came to the end.
    pub last: Option<u64>,
}

/// What a store holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StoreUsage {
    /// Nodes.
    pub nodes: u64,
    /// Bytes of encoded nodes.
    pub node_bytes: u64,
    /// Contents in rows.
    pub inline_contents: u64,
    /// Bytes of contents in rows.
    pub inline_bytes: u64,
    /// Contents in the blob store.
    pub object_contents: u64,
    /// Bytes of contents in the blob store.
    pub object_bytes: u64,
    /// Copies, closed ones included.
    pub copies: u64,
    /// Operations of all copies.
    pub operations: u64,
    /// Revisions.
    pub revisions: u64,
}
