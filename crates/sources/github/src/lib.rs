//! GitHub as a source of a workspace: exact imports without a clone, files that stay there
//! until they are read, and pushes that move a branch only from where it was expected.
//!
//! - [`GitHub`]: github.com or GitHub Enterprise, as who has a [`Token`] sees it;
//!   [`Address`], what a person writes.
//! - [`Repository`]: a [`Source`](workspace_core::Source); [`GitHubSnapshot`], a commit of
//!   it, whose entries are each compared with the commit's own ids; [`Unheld`], what a tree of
//!   ours cannot hold.
//! - [`Push`], [`Change`]: changes as a commit on a branch; [`NewPull`]: as a pull request.
//! - [`Transport`]: what carries requests; natively [`NativeTransport`], in a Worker
//!   `FetchTransport`.
//! - [`git`]: git's formats and its protocol, without I/O.
//!
#![cfg_attr(not(target_arch = "wasm32"), doc = "```no_run")]
#![cfg_attr(target_arch = "wasm32", doc = "```ignore")]
//! use std::sync::Arc;
//!
//! use workspace_core::{EntriesOptions, Snapshot as _};
//! use workspace_github::{GitHub, GitHubOptions, NativeTransport, Patience};
//!
//! # async fn import() -> workspace_core::Result<()> {
//! let transport = Arc::new(NativeTransport::new(Patience::default())?);
//! let github = GitHub::new(transport, GitHubOptions::default())?;
//! let snapshot = github.open(&"github:octocat/hello@main".parse()?).await?;
//! let mut entries = snapshot.entries(EntriesOptions::default()).await?;
//! while let Some(entry) = entries.next().await? {
//!     println!("{}", entry.path);
//! }
//! # Ok(())
//! # }
//! ```

/// The program of the README, which is compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod address;
mod blobs;
mod bodies;
mod edit;
mod entries;
mod error;
pub mod git;
mod github;
mod lfs;
mod pulls;
mod push;
mod remote;
mod report;
mod session;
mod snapshot;
mod tarball;
mod token;
mod transport;
mod trees;

pub use address::{Address, Reference, RepositoryName};
pub use entries::Transfer;
pub use error::{Error, Kind, Moved, Result};
pub use github::{GitHub, GitHubOptions, KIND, Repository};
pub use pulls::{NewPull, Pull};
pub use push::{Change, FileMode, Push, Pushed};
pub use remote::Limits;
pub use session::Retries;
pub use snapshot::GitHubSnapshot;
pub use token::{App, Token};
pub use transport::{Body, Transport};
#[cfg(target_arch = "wasm32")]
pub use transport::{Chunks, FetchTransport};
#[cfg(not(target_arch = "wasm32"))]
pub use transport::{NativeTransport, Patience};
pub use trees::{Unheld, Why};
