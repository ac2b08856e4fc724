//! The reference model, and random runs of the facade against it.
//!
//! [`Model`] says what a workspace is in a few hundred lines without a tree, a
//! hash or a store. [`run`] performs random [`Action`]s on both, compares what
//! every call returns, and compares everything that can be seen after every
//! call that may have changed it. With faults, calls fail at random store calls:
//! then the state must be one that the call may leave (for most the old or the
//! new), and the call repeated without faults must do what the model says of it
//! in that state.
//!
//! A run that finds a divergence panics with the shortest list of choices that
//! it could find, each told in words; [`replay`] runs such a list again.
//!
//! [`crash`] crashes one call at each of its store calls, and checks the same.

mod action;
mod check;
mod choose;
mod crash;
mod decide;
mod feed;
mod files;
mod glob;
mod grants;
mod import;
mod merge;
mod once;
mod perform;
mod predict;
mod run;
mod session;
mod show;
mod state;

pub use action::{Action, Expect, Held, Place, Side};
pub use crash::{Scenario, crash};
pub use files::{Edit, FileThing, Files, Thing};
pub use grants::{Granted, Narrowing};
pub use import::{Import, Item};
pub use once::{Memo, MemoOf};
pub use run::{MakeStorage, Run, Tally, replay, run};
pub use show::{Answer, Differs, Shown};
pub use state::{Copy, Failure, Head, Model, Moved, Operation, Outcome, Revision, Target};

/// Contents of up to this many bytes are kept in rows.
const INLINE_LIMIT: usize = 64;
