//! The operations of a working copy as a model calls them. See `docs/agents.md`.
//!
//! - [`Tools`]: the tools over one copy, for one agent; [`Tools::list`] is what a model is
//!   told of them, [`Tools::call`] calls one by its name with arguments in JSON.
//! - [`ToolResult`]: what a call led to, as text for the model and as a value; what changed is
//!   read back from the operation that was stored.
//! - [`Runner`], [`Shell`]: what executes code and commands, where a host has it.
//! - [`Proposal`]: what a model asks to be published. Applying it is no tool.
//! - [`text`]: what is under `edit` and `grep`: exact replacements, the region of a text that
//!   is closest to another, patterns.
//!
//! A call that changes something is one operation of the copy, is made once by its id, and
//! publishes nothing.
//!
//! ```
//! # use std::sync::Arc;
//! # use workspace_core::{At, ForkOptions, Options, Workspace};
//! # use workspace_testkit::{MemoryBlobs, MemoryMeta, TestContext};
//! # let (meta, blobs) = (Box::new(MemoryMeta::new()), Arc::new(MemoryBlobs::new()));
//! # let workspace = Workspace::create(meta, blobs, TestContext::new(1).context(), Options::default())?;
//! use serde_json::json;
//! use workspace_tools::Tools;
//!
//! # futures::executor::block_on(async {
//! let copy = workspace.fork(ForkOptions::named("draft"))?.id;
//! let tools = Tools::new(workspace.clone(), workspace.files(At::Copy(copy)), "agent")?;
//! let arguments = json!({ "path": "notes/today.md", "content": "# Today\n" });
//! let made = tools.call("write", &arguments, "call-1").await;
//! assert!(made.is_ok() && made.value["published"] == false);
//!
//! let arguments = json!({ "path": "notes/today.md", "old_string": "#\tToday", "new_string": "# Now" });
//! let refused = tools.call("edit", &arguments, "call-2").await;
//! assert_eq!(refused.value["code"], "text_absent");
//! assert_eq!(refused.value["closest"]["start_line"], 1);
//! # Ok::<(), workspace_core::Error>(())
//! # }).unwrap();
//! # Ok::<(), workspace_core::Error>(())
//! ```

/// The program of the README, which is compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod arguments;
mod authors;
mod changes;
mod edit;
mod entries;
mod executed;
mod grep;
mod hunks;
mod log;
mod looking;
mod patch;
mod proposal;
mod reading;
mod refusal;
mod repair;
mod result;
mod stored;
mod table;
pub mod text;
mod tools;
mod writing;

pub use executed::{Ended, Order, Runner, Shell};
pub use proposal::Proposal;
pub use result::{MAX_RESULT, ToolResult};
pub use table::{TABLE, Tool};
pub use tools::Tools;
