//! What the tasks of some seeds have done.

use std::collections::BTreeMap;
use std::fmt;

/// What came of the calls of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Calls {
    /// Those that succeeded.
    pub done: u64,
    /// Those that failed as they may.
    pub refused: u64,
    /// Those that an injected fault hit.
    pub failed: u64,
    /// Those that were dropped half-way.
    pub dropped: u64,
}

impl Calls {
    /// Returns all of them.
    pub fn all(&self) -> u64 {
        self.done + self.refused + self.failed + self.dropped
    }
}

/// What was done.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Tally {
    /// Seeds.
    pub seeds: u64,
    /// How often a task had its turn.
    pub turns: u64,
    /// Calls by what they were.
    pub calls: BTreeMap<&'static str, Calls>,
}

impl Tally {
    /// Returns the calls of all kinds together.
    pub fn sum(&self) -> Calls {
        let mut sum = Calls::default();
        for calls in self.calls.values() {
            add(&mut sum, calls);
        }
        sum
    }

    /// Adds what was done elsewhere.
    pub fn add(&mut self, other: &Self) {
        self.seeds += other.seeds;
        self.turns += other.turns;
        for (what, calls) in &other.calls {
            add(self.calls.entry(what).or_default(), calls);
        }
    }
}

fn add(sum: &mut Calls, calls: &Calls) {
    sum.done += calls.done;
    sum.refused += calls.refused;
    sum.failed += calls.failed;
    sum.dropped += calls.dropped;
}

impl fmt::Debug for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} seeds, {} turns", self.seeds, self.turns)?;
        for (what, calls) in &self.calls {
            let Calls {
                done,
                refused,
                failed,
                dropped,
            } = calls;
            writeln!(
                f,
                "{what:20} {done:>8} done {refused:>8} refused {failed:>8} failed {dropped:>8} dropped"
            )?;
        }
        Ok(())
    }
}
