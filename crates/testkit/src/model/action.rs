//! What a random run does next.

use std::ops::Range;

use bytes::Bytes;
use workspace_core::store::Budget;
use workspace_core::{
    Author, CopyId, GrantId, KeepRevisions, MemoKey, Name, OperationId, RevisionId,
    RevisionMessage, Timestamp, TreePath,
};

use super::files::Edit;
use super::grants::Narrowing;
use super::import::Import;
use super::state::Target;

/// A call of the facade with all that goes into it.
#[derive(Debug, Clone)]
pub enum Action {
    /// A batch of changes: to what, by whom, at which expected generation.
    Change(Target, Vec<Edit>, Author, Option<u64>),
    /// A tree import.
    Import(Target, Import),
    /// A fork: of what, name and expiry.
    Fork(Place, Option<String>, Option<Timestamp>),
    /// Another name for a copy.
    RenameCopy(CopyId, Option<String>),
    /// A copy thrown away.
    Discard(CopyId),
    /// A copy applied: does the tree have to be another one? Only what these globs match,
    /// where there are any, and rebased first, if need be.
    Apply(CopyId, Expect, RevisionMessage, Vec<String>, bool),
    /// Copies applied together.
    ApplyAll(Vec<CopyId>, RevisionMessage),
    /// A copy moved onto what its parent is now.
    Rebase(CopyId, Author),
    /// The same, with what is decided for paths that conflict, or that are above such.
    Resolve(CopyId, Author, Vec<(TreePath, Side)>),
    /// What stands in the way of a rebase.
    Conflicts(CopyId),
    /// Where copies meet.
    Overlap(Vec<CopyId>),
    /// An operation undone.
    Undo(CopyId, OperationId, Author),
    /// Head recorded.
    Snapshot(RevisionMessage),
    /// An old revision made head.
    Restore(RevisionId, RevisionMessage),
    /// Revisions pruned.
    Prune(KeepRevisions),
    /// Copies expired.
    Expire,
    /// A content stored ahead; the next write of these bytes refers to it.
    Store(Bytes),
    /// A whole collection, with a batch of changes made meanwhile.
    Gc(Option<(Target, Vec<Edit>)>),
    /// Some steps of a collection, of that many rows each.
    Collect(usize, usize),
    /// Upkeep in steps of that many rows each, until nothing is due.
    Upkeep(usize, Option<KeepRevisions>),
    /// One entry.
    Stat(Place, TreePath),
    /// Entries of a directory.
    List(Place, TreePath, Option<Name>, usize),
    /// A file, or a range of it.
    Read(Place, TreePath, Option<Range<u64>>),
    /// Everything below a directory.
    Walk(Place, TreePath),
    /// Where two trees differ, below a path, with or without renames: after, how
    /// many.
    Diff(Place, Place, TreePath, bool, Option<TreePath>, usize),
    /// A page of copies: open only, after, how many.
    Copies(bool, Option<CopyId>, usize),
    /// A page of operations.
    Operations(CopyId, Option<OperationId>, usize),
    /// A page of revisions.
    Revisions(Option<RevisionId>, usize),
    /// A copy by its name.
    Find(String),
    /// A grant handed out: to what, how narrow, until when, with which budget.
    IssueGrant(Place, Narrowing, Option<Timestamp>, Budget),
    /// A grant made of another one.
    AttenuateGrant(GrantId, Narrowing, Option<Timestamp>, Budget),
    /// A grant ended.
    RevokeGrant(GrantId),
    /// What the holder of a grant does.
    Held(GrantId, Held),
    /// A fork, a discard, an apply or a batch of changes, once for a key; asking for what.
    Once(Box<Action>, MemoKey, u8),
}

/// What the holder of a grant does, with paths as the holder sees them.
#[derive(Debug, Clone)]
pub enum Held {
    /// A batch of changes.
    Change(Vec<Edit>),
    /// One entry.
    Stat(TreePath),
    /// The entries of a directory.
    List(TreePath),
    /// A file.
    Read(TreePath),
    /// Everything below a directory.
    Walk(TreePath),
}

/// Which files are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Those of head.
    Head,
    /// Those of a copy.
    Copy(CopyId),
    /// Those of a revision.
    Revision(RevisionId),
}

/// What is taken for a conflicting path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Side {
    /// What the copy has.
    Copy,
    /// What its parent has.
    Parent,
    /// A file of these bytes.
    Content(Bytes),
}

/// Which tree an apply expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Any.
    Any,
    /// The copy's.
    Right,
    /// Another.
    Wrong,
}
