//! How a run ended.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use workspace_core::{Conflict, Error, ErrorKind, Grant, MAX_MEMO, Result};

use crate::json::Json;
use crate::run::Told;

/// How delegated code ended: by itself, at a limit, or not by its own doing.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(Deserialize))]
#[serde(tag = "ended", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Ended {
    /// It returned: its value, as JSON.
    Returned {
        /// The value.
        value: Json,
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
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(Deserialize))]
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
#[derive(Debug, Clone, PartialEq)]
pub struct Execution {
    /// How it ended.
    pub ended: Ended,
    /// Whether that is a guess, which is told and not kept: what ran beside it in one process
    /// may have ended it.
    pub guessed: bool,
    /// What it said, up to the limits.
    pub console: Vec<Line>,
    /// How many lines were left out.
    pub left_out: u64,
}

/// An execution as a host in JavaScript tells it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ToldExecution {
    /// What the program's prelude says, whatever the program made of it.
    said: Option<String>,
    /// What ended it otherwise.
    limit: Option<Limit>,
    #[serde(default)]
    cause: String,
    /// Whether that may have been another program's doing.
    #[serde(default)]
    guessed: bool,
    #[serde(default)]
    console: Vec<Line>,
    #[serde(default)]
    left_out: u64,
}

/// How code ended, as its prelude tells it.
#[derive(Deserialize)]
struct Said<'a> {
    ended: String,
    #[serde(borrow, default)]
    value: Option<&'a RawValue>,
    #[serde(default)]
    name: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    stack: String,
}

impl Ended {
    /// Reads how code ended, as its prelude tells it. The program can make that say what it
    /// likes; more than that it returned, or threw, it cannot say.
    pub fn read(json: &str) -> Self {
        let read = match serde_json::from_str::<Said<'_>>(json) {
            Ok(said) if said.ended == "returned" => {
                let value = Json::read(said.value.map_or("null", RawValue::get));
                value.ok().map(|value| Self::Returned { value })
            }
            Ok(said) if said.ended == "threw" => Some(Self::Threw(Thrown {
                name: said.name,
                message: said.message,
                stack: said.stack,
                ..Thrown::default()
            })),
            _ => None,
        };
        read.unwrap_or_else(|| {
            Self::Threw(Thrown {
                name: "Error".into(),
                message: UNTOLD.into(),
                ..Thrown::default()
            })
        })
    }
}

/// How a program ended that says no such thing.
const UNTOLD: &str = "how the program ended cannot be told";
/// What both engines say of recursion without an end.
const RECURSION: (&str, &str) = ("RangeError", "Maximum call stack size exceeded");
/// What QuickJS says where it had no memory.
#[cfg(feature = "wasmtime")]
const SPENT: (&str, &str) = ("InternalError", "out of memory");
/// As many calls an engine tells of the end of the stack.
const FRAMES: usize = 10;

impl Thrown {
    /// Tells whether it says that it is of the end of the stack, as anybody can.
    pub(crate) fn says_stack(&self) -> bool {
        (&*self.name, &*self.message) == RECURSION
    }

    /// Tells whether it is what a program throws that was so deep as the host knows this one to
    /// have been.
    #[cfg(feature = "wasmtime")]
    pub(crate) fn is_of_the_stack(&self) -> bool {
        self.says_stack() || self.message == UNTOLD
    }

    /// Tells whether it is what a program throws that wanted more memory than there is, as the
    /// host knows this one to have. Where QuickJS has no memory for an error, it throws `null`.
    #[cfg(feature = "wasmtime")]
    pub(crate) fn is_of_memory(&self) -> bool {
        match &*self.name {
            "" => self.message == "null",
            name if name == SPENT.0 => self.message.starts_with(SPENT.1),
            _ => self.message == UNTOLD,
        }
    }

    /// Returns how many calls its stack tells.
    fn frames(&self) -> usize {
        let lines = self.stack.lines();
        lines
            .filter(|line| line.trim_start().starts_with("at "))
            .count()
    }
}

impl Execution {
    /// Reads an execution, as a host in JavaScript tells it.
    pub fn read(json: &str) -> Self {
        let told = serde_json::from_str(json).unwrap_or_else(|_| ToldExecution {
            // What is no such thing the program made so.
            said: Some(String::new()),
            limit: None,
            cause: String::new(),
            guessed: false,
            console: Vec::new(),
            left_out: 0,
        });
        let ended = match (told.said, told.limit) {
            (Some(said), _) => match Ended::read(&said) {
                // The host cannot see the stack. One that is at its end is deep.
                Ended::Threw(thrown) if thrown.says_stack() && thrown.frames() >= FRAMES => {
                    Ended::Limit {
                        limit: Limit::Stack,
                    }
                }
                ended => ended,
            },
            (None, Some(limit)) => Ended::Limit { limit },
            (None, None) => Ended::Platform { cause: told.cause },
        };
        Self {
            ended,
            guessed: told.guessed,
            console: told.console,
            left_out: told.left_out,
        }
    }
}

/// What came of a run. It is stored with what the run did, under its id.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(Deserialize))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Outcome {
    /// The run's id, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// How its code ended.
    #[serde(flatten)]
    pub ended: Ended,
    /// What it said.
    pub console: Vec<Line>,
    /// How many lines were left out of that.
    pub left_out: u64,
    /// What became of what it wrote.
    pub files: Fate,
    /// The files that it read.
    pub read: Paths,
    /// The paths that it left otherwise than it found them.
    pub written: Paths,
    /// What it was refused, each once.
    pub denied: Vec<Denied>,
    /// What it took.
    pub cost: Cost,
}

/// What became of what a run wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(Deserialize))]
#[serde(tag = "status", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Fate {
    /// It wrote nothing.
    Unchanged,
    /// It is in the copy, as one operation of it.
    Applied {
        /// The operation.
        operation: u64,
    },
    /// Somebody else changed the same paths of the copy meanwhile: nothing was kept.
    Conflict {
        /// Up to 1,000 of the paths, and 64 KiB of them.
        paths: Vec<String>,
    },
    /// What it wrote cannot be applied, such as for the tree's size: nothing was kept.
    Refused {
        /// The code of the error.
        code: String,
    },
    /// The code did not return, or the copy was closed meanwhile: nothing was kept.
    Discarded,
}

/// Paths, as the run sees them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(Deserialize))]
pub struct Paths {
    /// Up to 1,000 of them, in byte order.
    pub paths: Vec<String>,
    /// Whether, or how many, there are more.
    pub more: u64,
}

/// A call that the grant did not allow.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(Deserialize))]
pub struct Denied {
    /// The method.
    pub method: String,
    /// The path that it was about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// What a run took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(Deserialize))]
#[serde(rename_all = "camelCase")]
pub struct Cost {
    /// Milliseconds, from its beginning to its end.
    pub millis: u64,
    /// Calls of the files.
    pub calls: u32,
    /// Bytes that it read.
    pub bytes_read: u64,
    /// Bytes that it wrote, with the arguments of its calls.
    pub bytes_written: u64,
}

impl Fate {
    /// Says which paths conflict, as the run sees them.
    pub(crate) fn conflict(conflict: &Conflict, grant: &Grant) -> Self {
        let seen = conflict.both.paths.iter();
        let seen = seen.filter_map(|path| grant.locate(path));
        let (paths, _more) = Told::of_paths(seen.map(|path| path.to_string())).into_parts();
        Self::Conflict { paths }
    }
}

impl Outcome {
    /// Returns it as JSON, as short as it has to be to be kept: without its console, and where
    /// that is not enough without its value, which is a limit then. Paths are counted as they
    /// are told, so that with a value of 1 MiB it is enough.
    ///
    /// # Errors
    /// None: what is in it always encodes.
    pub(crate) fn told(&self) -> Result<Bytes> {
        let whole = self.json()?;
        if whole.len() <= MAX_MEMO {
            return Ok(whole);
        }
        let mut shorter = self.clone();
        shorter.left_out += shorter.console.len() as u64;
        shorter.console.clear();
        let short = shorter.json()?;
        if short.len() <= MAX_MEMO {
            return Ok(short);
        }
        shorter.ended = Ended::Limit {
            limit: Limit::Value,
        };
        shorter.json()
    }

    fn json(&self) -> Result<Bytes> {
        match serde_json::to_vec(self) {
            Ok(json) => Ok(json.into()),
            Err(error) => Err(Error::new(ErrorKind::Unavailable, "run").with_source(error)),
        }
    }

    /// Returns it as JSON, with what became of what it wrote.
    pub(crate) fn with(&self, files: Fate) -> Result<Bytes> {
        let outcome = Self {
            files,
            ..self.clone()
        };
        outcome.told()
    }
}
impl Execution {
    /// Returns one that ended before it could say anything.
    #[cfg(feature = "wasmtime")]
    pub(crate) fn silent(ended: Ended) -> Self {
        Self {
            ended,
            guessed: false,
            console: Vec::new(),
            left_out: 0,
        }
    }
}
