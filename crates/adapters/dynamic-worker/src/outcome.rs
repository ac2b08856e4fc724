//! How a run ended.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// How delegated code ended: by itself, at a limit, or not by its own doing.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "ended", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Ended {
    /// It returned: its value, as JSON.
    Returned {
        /// The value.
        value: Box<RawValue>,
    },
    /// It threw.
    Threw(Thrown),
    /// It came to a limit.
    Limit {
        /// Which.
        limit: Limit,
    },
    /// Whoever asked for it has no use for it any more.
    Cancelled,
    /// What runs it failed; what it did is not kept, and it can be run again.
    Platform {
        /// Why.
        cause: String,
    },
}

/// What code threw.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Thrown {
    /// The error's name, such as `TypeError`; empty where no error was thrown.
    pub name: String,
    /// Its message. That of an error that the engine itself throws is the engine's.
    pub message: String,
    /// The module of the caller's in which it was thrown, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// The line there, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The stack, as the engine tells it.
    #[serde(default)]
    pub stack: String,
}

/// A limit that a run came to: one of [`Limits`](crate::Limits).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Limit {
    /// Time, by the clock.
    Time,
    /// Memory.
    Memory,
    /// Recursion.
    Stack,
    /// Calls of the files.
    Calls,
    /// Bytes read and written.
    Bytes,
    /// The size of its value.
    Value,
    /// The modules: how many, or how large.
    Source,
}

/// A line of the console.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// `debug`, `log`, `info`, `warn` or `error`.
    pub level: Level,
    /// What was said.
    pub text: String,
}

/// How a line was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// By `console.debug`.
    Debug,
    /// By `console.log`.
    Log,
    /// By `console.info`.
    Info,
    /// By `console.warn`.
    Warn,
    /// By `console.error`.
    Error,
}

/// What code did before it ended.
#[derive(Debug, Clone)]
pub struct Execution {
    /// How it ended.
    pub ended: Ended,
    /// What it said, up to the limits.
    pub console: Vec<Line>,
    /// How many lines were left out.
    pub left_out: u64,
}

impl Execution {
    /// Returns one that ended before it could say anything.
    #[cfg_attr(not(feature = "wasmtime"), allow(dead_code))]
    pub(crate) fn silent(ended: Ended) -> Self {
        Self {
            ended,
            console: Vec::new(),
            left_out: 0,
        }
    }
}
