//! Delegated code: what nobody reviewed gets files, and nothing else. See
//! `docs/delegated-code.md`.

mod limits;
#[cfg(feature = "wasmtime")]
mod native;
mod outcome;
mod place;
mod program;
mod told;

pub use limits::Limits;
#[cfg(feature = "wasmtime")]
pub use native::{Call, Code, Compiled, Native, Options};
pub use outcome::{Ended, Execution, Level, Limit, Line, Thrown};
pub use program::{Module, Program};

/// The reply to a call of the files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// `{"status":"ok","value":…}` or `{"status":"error","error":{…}}`.
    pub json: String,
    /// Bytes, where the method answers with some.
    pub contents: Option<bytes::Bytes>,
}
