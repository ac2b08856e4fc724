//! The core.
mod change;
mod conflict;
mod context;
mod entry;
mod error;
mod glob;
mod grant;
mod id;
mod import;
mod meter;
mod path;
pub mod store;
mod tree;
mod view;
mod workspace;

pub use change::{Author, Change, ChangeOptions, Changed, Content, Precondition, WriteOptions};
pub use conflict::{Conflict, PathList};
pub use context::{Clock, Context, IdSource};
pub use entry::{
    Directory, Entry, EntryKind, File, MAX_MEDIA_TYPE, MAX_PROVENANCE, MAX_TARGET, Summary,
    Symlink, Text, Timestamp,
};
pub use error::{Error, ErrorKind, Result};
pub use glob::Glob;
pub use grant::{Grant, Scope};
pub use id::{BlobKey, ContentId, CopyId, OperationId, RevisionId, TreeId};
pub use import::{EntrySource, SourceEntry, SourceKind};
pub use meter::Receipt;
pub use path::{MAX_NAME, MAX_PATH, Name, TreePath};
pub use view::{Export, Exported, Opened, View, Walk};
pub use workspace::{
    Applied, ApplyOptions, At, BatchSize, CollectBudget, Collected, DiffOptions, Difference,
    ForkOptions, FsckOptions, FsckReport, ImportLimits, ImportOptions, Imported, KeepRevisions,
    Options, Problem, Rebased, Recorded, RevisionMessage, Stored, Undone, Workspace,
};
