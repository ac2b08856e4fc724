//! The core.
mod conflict;
mod entry;
mod error;
mod id;
mod path;
pub mod store;

pub use conflict::{Conflict, PathList};
pub use entry::{
    Directory, Entry, EntryKind, File, MAX_MEDIA_TYPE, MAX_PROVENANCE, MAX_TARGET, Summary,
    Symlink, Text, Timestamp,
};
pub use error::{Error, ErrorKind, Result};
pub use id::{BlobKey, ContentId, CopyId, OperationId, RevisionId, TreeId};
pub use path::{MAX_NAME, MAX_PATH, Name, TreePath};
