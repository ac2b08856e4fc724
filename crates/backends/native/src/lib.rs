//! Workspaces on this machine: metadata in SQLite, objects in a directory or an
//! S3-compatible bucket.

mod blobs;
mod context;
mod sqlite;

pub use blobs::ObjectBlobs;
pub use context::{RandomIds, SystemClock, context};
pub use sqlite::SqliteConn;
