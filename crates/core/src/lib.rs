//! The durable file tree: current files, isolated working copies, explicit
//! apply, immutable revisions.
//!
//! This crate is the rules and nothing else: no I/O, no clock, no random
//! numbers, no runtime. A backend gives it two stores ([`store::MetaStore`] for
//! rows and nodes, [`store::BlobStore`] for large contents) and a [`Context`]
//! (time and ids), and gets a [`Workspace`].
//!
//! - [`Workspace`]: fork, apply, rebase, undo, restore, diff, import, keep house, check.
//! - [`View`]: files of head, a copy or a revision ([`At`]), through a [`Grant`].
//! - [`MountedView`]: a path namespace composed of copies, revisions, overlays and what a
//!   runtime owns ([`Mount`], [`Authority`]); [`Mounted`] is one at one moment.
//! - [`Issued`]: a grant handed out as a token, which is revoked, expires, and
//!   never outlives its copy.
//! - [`Change`]: what a batch asks for; a batch on a copy is one operation.
//! - [`Entry`], [`TreePath`], [`Name`]: what is where. [`TreeId`] and
//!   [`ContentId`] are hashes of it.
//! - [`Event`]: what the change feed tells, resumable by number.
//! - [`Once`]: a call that may be repeated and is made once, by a key of its caller's.
//! - [`Receipt`]: what calls cost, in rows, nodes, objects and bytes.
//! - [`Error`]: one, whose [`ErrorKind`] says what the caller does next; [`Reason`] and
//!   [`Sought`] say more to programs.
//!
//! ```
//! # use workspace_core::{*, store::*};
//! # use std::sync::Arc;
//! # struct Zero; impl Clock for Zero { fn now(&self) -> Timestamp { Timestamp::default() } }
//! # struct Ids(std::cell::Cell<u8>);
//! # impl IdSource for Ids { fn next(&self) -> [u8; 16] { self.0.set(self.0.get() + 1); [self.0.get(); 16] } }
//! # let context = Context { clock: Box::new(Zero), ids: Box::new(Ids(0.into())) };
//! # let (meta, blobs) = (workspace_testkit::MemoryMeta::new(), workspace_testkit::MemoryBlobs::new());
//! # futures::executor::block_on(async {
//! let workspace =
//!     Workspace::create(Box::new(meta), Arc::new(blobs), context, Options::default())?;
//!
//! let copy = workspace.fork(ForkOptions::named("draft"))?.id;
//! let draft = workspace.files(At::Copy(copy));
//! draft.write("/notes/today.md", "# Today").await?;
//!
//! // Nothing is published until it is applied.
//! let path = TreePath::new("/notes/today.md")?;
//! let head = workspace.files(At::Head);
//! assert_eq!(head.stat(&path)?, None);
//! workspace.apply(copy, ApplyOptions::default().message("First notes"))?;
//! assert_eq!(head.read(&path).await?, "# Today");
//! # Ok::<(), Error>(())
//! # }).unwrap();
//! ```
//!
//! The semantics are in `docs/semantics.md`, sentence by sentence; the design of
//! the tree, the stores and the collector is in `docs/architecture.md`.

/// The program of the README, which is compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod change;
mod conflict;
mod context;
mod entry;
mod error;
mod event;
mod glob;
mod grant;
mod id;
mod import;
mod memo;
mod meter;
mod mounted;
mod patch;
mod path;
mod reason;
mod source;
pub mod store;
mod tree;
mod view;
mod workspace;

pub use change::{Author, Change, ChangeOptions, Changed, Content, Precondition, WriteOptions};
pub use conflict::{Conflict, PathList};
pub use context::{Clock, Context, IdSeed, IdSource, OrderedIds};
pub use entry::{
    Directory, Entry, EntryKind, File, MAX_MEDIA_TYPE, MAX_PROVENANCE, MAX_TARGET, Summary,
    Symlink, Text, Timestamp, media_type,
};
pub use error::{Error, ErrorKind, Result};
pub use event::{Event, EventKind, EventRecord};
pub use glob::{Glob, GlobTrail, GlobVerdict};
pub use grant::{Grant, MAX_GRANT_ROOT, MAX_HOLDER_PATH, MAX_SCOPE_ROOT, Scope};
pub use id::{
    BlobKey, ContentId, CopyId, GrantId, OperationId, RequestHash, RevisionId, TokenHash, TreeId,
};
pub use import::{
    BatchSize, EntrySource, ImportLimits, ImportOptions, Imported, SourceEntry, SourceKind,
};
pub use memo::{MAX_MEMO, MemoKey, Once, Repeat};
pub use meter::Receipt;
pub use mounted::{
    Authority, Found, MAX_MOUNTS, Mount, Mounted, MountedView, MountedWalk, Moved, Owner, Routed,
    Shown, WHITEOUT,
};
pub use patch::{BinaryStyle, Patch, PatchMode, PatchSide};
pub use path::{MAX_NAME, MAX_PATH, Name, ToPath, TreePath};
pub use reason::{Failure, Reason, Sought};
pub use source::{
    EntriesOptions, FileBodies, FileId, Hydrator, MAX_FILE_ID, MAX_READ, MAX_REFERENCE,
    MAX_SOURCE_IDENTITY, MAX_SOURCE_KIND, MAX_UNHELD, MAX_VERSION, Selected, Snapshot, SnapshotId,
    Source, Takes,
};
pub use view::{Export, Exported, Opened, View, Walk};
pub use workspace::{
    Applied, ApplyOptions, At, CollectBudget, Collected, Conflicting, Conflicts, CopyStatus,
    DiffOptions, Difference, ForkOptions, FsckOptions, FsckReport, Garbage, GrantOptions,
    HeldObject, Issued, KeepRevisions, NextStep, Options, Overlap, Problem, RebaseOptions, Rebased,
    Recorded, Reserved, Resolution, RevisionMessage, Stored, Take, Together, Undone, Upkeep,
    UpkeepStep, Workspace,
};
