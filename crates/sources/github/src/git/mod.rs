//! Git's formats and its protocol, without I/O: bytes in, objects out.
//!
//! - [`ObjectId`], [`ObjectKind`], [`ObjectHasher`]: ids, computed while bytes pass.
//! - [`TreeEntries`], [`Mode`], [`tree_order`]: directories, with the modes as stored.
//! - [`Commit`], [`NewCommit`]: commits.
//! - [`PackReader`], [`PackWriter`], [`PackLimits`]: packs, deltas resolved in memory;
//!   [`SingleObject`]: one object of any size, as it comes.
//! - [`ls_refs`], [`Fetch`], [`push_request`]: what is asked in protocol version 2, and of
//!   `receive-pack`; [`RefsAnswer`], [`FetchAnswer`], [`PushAnswer`]: what is answered.
//!
//! Whatever a server sends is bounded: each reader says what it holds. Malformed input is an
//! error, never a panic.

mod answer;
mod commit;
mod id;
mod line;
mod pack;
mod report;
mod request;
mod tree;

pub(crate) use line::shown;

pub use answer::{FetchAnswer, MAX_REFS, Ref, RefsAnswer};
pub use commit::{Commit, MAX_COMMIT, NewCommit, Person, When};
pub use id::{ObjectHasher, ObjectId, ObjectKind, object_id};
pub use pack::{PackLimits, PackObject, PackReader, PackSink, PackWriter, SingleObject};
pub use report::{PushAnswer, Report};
pub use request::{Fetch, Filter, RefUpdate, ls_refs, push_request};
pub use tree::{EntryKind, MAX_TREE_NAME, Mode, TreeEntries, TreeEntry, tree_order, write_entry};

#[cfg(test)]
mod tests;
