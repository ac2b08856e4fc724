//! Workspaces on this machine: metadata in SQLite, objects in a directory or an
//! S3-compatible bucket.
//!
//! - [`create`] and [`open`]: a workspace as a directory, for one process at a
//!   time. [`Objects`] says where its objects are, [`options`] what suits them.
//! - [`SqliteConn`], [`ObjectBlobs`]: the two stores under it.
//! - [`source`]: directories and archives to import from.
//! - [`SystemClock`], [`context`]: the time and fresh ids.
//!
//! ```
//! use workspace_core::{At, TreePath};
//! use workspace_native::{Objects, create, open, options};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let place = tempfile::tempdir()?;
//! let directory = place.path().join("photos");
//! drop(create(&directory, &Objects::Local, options())?);
//!
//! let workspace = open(&directory, options())?;
//! assert!(workspace.files(At::Head).stat(&TreePath::root())?.is_some());
//! # Ok(())
//! # }
//! ```

mod blobs;
mod config;
mod context;
mod directory;
mod fault;
mod lock;
pub mod source;
mod sqlite;

pub use blobs::ObjectBlobs;
pub use config::Objects;
pub use context::{SystemClock, context};
pub use directory::{create, open, options};
pub use sqlite::SqliteConn;
