//! What a run may take.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use workspace_core::{Error, Reason, Result};

/// What a run may take. Each has a default, and a most that it can be set to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
#[non_exhaustive]
pub struct Limits {
    /// Milliseconds from its beginning to its end, waits included.
    pub millis: u32,
    /// Bytes of memory, of what the code itself makes.
    pub memory: u32,
    /// Calls of the files.
    pub calls: u32,
    /// Bytes that it reads and writes, in all.
    pub bytes: u64,
    /// Bytes of its value, as JSON.
    pub value: u32,
    /// Lines of its console; more are left out.
    pub lines: u32,
    /// Bytes of its console.
    pub console: u32,
    /// Bytes of all modules.
    pub source: u32,
    /// How many modules.
    pub modules: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            millis: 10_000,
            memory: 64 << 20,
            calls: 10_000,
            bytes: 64 << 20,
            value: 1 << 20,
            lines: 1_000,
            console: 64 << 10,
            source: 4 << 20,
            modules: 500,
        }
    }
}

impl Limits {
    /// The most that each can be.
    pub const MOST: Self = Self {
        millis: 300_000,
        memory: 128 << 20,
        calls: 1_000_000,
        bytes: 4 << 30,
        value: 1 << 20,
        lines: 100_000,
        console: 256 << 10,
        source: 16 << 20,
        modules: 5_000,
    };

    /// Returns limits of which none is more than it can be.
    #[must_use]
    pub fn within_most(&self) -> Self {
        let most = Self::MOST;
        Self {
            millis: self.millis.min(most.millis),
            memory: self.memory.min(most.memory),
            calls: self.calls.min(most.calls),
            bytes: self.bytes.min(most.bytes),
            value: self.value.min(most.value),
            lines: self.lines.min(most.lines),
            console: self.console.min(most.console),
            source: self.source.min(most.source),
            modules: self.modules.min(most.modules),
        }
    }

    /// Returns how long a run may take.
    #[must_use]
    pub fn duration(&self) -> Duration {
        Duration::from_millis(self.millis.into())
    }
}

impl Limits {
    /// Checks that each is in its range.
    ///
    /// # Errors
    /// `Invalid`, naming the limit.
    pub(crate) fn check(&self) -> Result<()> {
        let most = Self::MOST;
        let all: [(&str, u64, u64); 9] = [
            ("millis", self.millis.into(), most.millis.into()),
            ("memory", self.memory.into(), most.memory.into()),
            ("calls", self.calls.into(), most.calls.into()),
            ("bytes", self.bytes, most.bytes),
            ("value", self.value.into(), most.value.into()),
            ("lines", self.lines.into(), most.lines.into()),
            ("console", self.console.into(), most.console.into()),
            ("source", self.source.into(), most.source.into()),
            ("modules", self.modules.into(), most.modules.into()),
        ];
        match all
            .iter()
            .find(|(_, limit, most)| *limit == 0 || limit > most)
        {
            None => Ok(()),
            Some((name, limit, most)) => Err(Error::invalid(Reason::OutOfRange, "run")
                .at(format!("limits.{name}"))
                .because(format!("{limit}, expected 1 to {most}"))),
        }
    }
}
