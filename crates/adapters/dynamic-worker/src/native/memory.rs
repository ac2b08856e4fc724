//! What a run has of memory.

use wasmtime::{ResourceLimiter, Result};

use super::engine::{MAX_INSTANCES, MAX_MEMORIES, MAX_TABLES};

/// Counts memories and tables of a run together.
#[derive(Debug)]
pub(super) struct Memory {
    used: u64,
    most: u64,
    /// Whether it wanted more than there is. It may have gone on without.
    pub(super) refused: bool,
}

/// What an element of a table takes.
const ELEMENT: u64 = 16;

impl Memory {
    pub(super) fn new(most: u64) -> Self {
        Self {
            used: 0,
            most,
            refused: false,
        }
    }

    fn grow(&mut self, current: usize, desired: usize, unit: u64) -> bool {
        let more = (desired.saturating_sub(current) as u64).saturating_mul(unit);
        let used = self.used.saturating_add(more);
        let fits = used <= self.most;
        match fits {
            true => self.used = used,
            false => self.refused = true,
        }
        fits
    }
}

impl ResourceLimiter for Memory {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        Ok(self.grow(current, desired, 1))
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        Ok(self.grow(current, desired, ELEMENT))
    }

    fn instances(&self) -> usize {
        MAX_INSTANCES as usize
    }

    fn tables(&self) -> usize {
        MAX_TABLES as usize
    }

    fn memories(&self) -> usize {
        MAX_MEMORIES as usize
    }
}
