//! Delegated code: code that nobody reviewed gets files, and nothing else. See
//! `docs/delegated-code.md`.
//!
//! - [`Runs`]: the runs of a workspace. A run reads one state of a copy through a grant; what
//!   it writes is one operation of that copy when its code has returned, and nothing
//!   otherwise.
//! - [`Order`]: what is asked for: a [`Program`], a grant, [`Limits`].
//! - [`Outcome`]: what came of it; [`Json`]: the value that it returned.
//! - [`Load`]: the program as a Worker Loader takes it.
//! - `Native`, with the feature `wasmtime`: runs programs in this process.

mod contract;
mod json;
mod limits;
mod load;
#[cfg(feature = "wasmtime")]
mod native;
mod order;
mod outcome;
mod place;
mod program;
mod reply;
mod run;
mod runs;

pub use json::Json;
pub use limits::Limits;
pub use load::Load;
#[cfg(feature = "wasmtime")]
pub use native::{Call, Code, Compiled, Native, Options as NativeOptions};
pub use order::Order;
pub use outcome::{
    Cost, Denied, Ended, Execution, Fate, Level, Limit, Line, Outcome, Paths, Thrown,
};
pub use program::{Module, Program};
pub use reply::Reply;
pub use runs::{Begun, Run, Runs};
