//! Workspaces on this machine: metadata in SQLite, objects in a directory or an
//! S3-compatible bucket.
//!
//! - [`open_or_create`]: a workspace as a directory, for one process at a time.
//!   [`create`] and [`open`] are its halves: [`Objects`] says where the objects are,
//!   [`options`] what suits this machine. [`open_read_only`] is for where nothing may be
//!   written, [`open_to_free`] for where no room is left.
//! - [`spawn`]: a workspace on a thread of its own, as a [`Handle`] that is `Send`.
//! - [`SqliteConn`], [`ObjectBlobs`]: the two stores under it.
//! - [`source`]: directories and archives to import from; `beneath` (Unix): what is below
//!   an open directory, reached through no symlink.
//! - [`is_workspace`]: where nothing else may be written.
//! - [`SystemClock`], [`context`]: the time and fresh ids.
//!
//! ```
//! use workspace_core::{ApplyOptions, At, ForkOptions};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let place = tempfile::tempdir()?;
//! # let path = place.path().join("site");
//! let workspace = workspace_native::open_or_create(path)?;
//! let copy = workspace.fork(ForkOptions::named("draft"))?.id;
//! workspace.files(At::Copy(copy)).write_now("/notes/today.md", "# Today")?;
//! workspace.apply(copy, ApplyOptions::default().message("First notes"))?;
//! assert_eq!(workspace.files(At::Head).read_now("/notes/today.md")?, "# Today");
//! # Ok(())
//! # }
//! ```

/// The program of the README, which is compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../../README.md")]
struct Readme;

/// That of this crate's own.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct CrateReadme;

#[cfg(unix)]
pub mod beneath;
mod blobs;
mod config;
mod context;
mod directory;
mod fault;
mod handle;
mod home;
mod lock;
mod reserve;
pub mod source;
mod sqlite;

pub use blobs::ObjectBlobs;
pub use config::Objects;
pub use context::{SystemClock, context};
pub use directory::{
    create, is_workspace, open, open_or_create, open_read_only, open_to_free, options,
};
pub use handle::{Handle, spawn, spawn_with};
pub use reserve::Reserve;
pub use sqlite::SqliteConn;
