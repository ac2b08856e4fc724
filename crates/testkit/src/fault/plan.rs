//! When the stores fail.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use workspace_core::{Error, ErrorKind, Result};

use crate::random::Random;

/// Directs the faults of the stores that share it.
///
/// Every call of a store is counted: a transaction's begin, each method within
/// it, its commit; each blob call and each chunk that goes in or out. What
/// happens is determined by the plan and the count alone. All failures are
/// [`ErrorKind::Unavailable`]. Clones are the same plan.
#[derive(Debug, Clone, Default)]
pub struct FaultPlan(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    calls: u64,
    faults: u64,
    /// Which calls have an effect that may outlive their failure.
    effects: Vec<u64>,
    fault: Fault,
    down: bool,
}

#[derive(Debug, Default)]
enum Fault {
    #[default]
    None,
    FailAt(u64),
    CrashBefore(u64),
    CrashAfter(u64),
    Random(Random, f64),
}

/// What a store does with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Proceed,
    /// Has its effect, then fails.
    FailAfter,
}

impl Verdict {
    /// Ends the call `what` after its effect.
    pub(super) fn end<T>(self, what: &'static str, outcome: T) -> Result<T> {
        match self {
            Self::Proceed => Ok(outcome),
            Self::FailAfter => Err(failure(what)),
        }
    }
}

impl FaultPlan {
    /// Creates a plan without faults, which counts.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns how many calls were made since the plan was last told anything.
    pub fn calls(&self) -> u64 {
        self.lock().calls
    }

    /// Returns how many calls failed since the plan was last told anything.
    pub fn faults(&self) -> u64 {
        self.lock().faults
    }

    /// Returns which calls since then (the first is 1) were a commit, or the put or
    /// delete of a blob.
    pub fn effects(&self) -> Vec<u64> {
        self.lock().effects.clone()
    }

    /// Lets the `n`-th call from now (the first is 1) fail once, without effect.
    pub fn fail_at(&self, n: u64) {
        self.follow(Fault::FailAt(n));
    }

    /// Lets the stores crash before the `n`-th call from now: it has no effect,
    /// and fails like all that follow until [`reopen`](Self::reopen).
    pub fn crash_before(&self, n: u64) {
        self.follow(Fault::CrashBefore(n));
    }

    /// Lets the stores crash after the `n`-th call from now: where it is a
    /// commit, or the put or delete of a blob, it has its effect; the rest is as
    /// in [`crash_before`](Self::crash_before).
    pub fn crash_after(&self, n: u64) {
        self.follow(Fault::CrashAfter(n));
    }

    /// Lets each call from now fail once with a probability of `p`, chosen by
    /// `seed`; every other such failure of a commit, and of the put or delete of
    /// a blob, comes after its effect.
    pub fn fail_randomly(&self, seed: u64, p: f64) {
        self.follow(Fault::Random(Random::new(seed), p));
    }

    /// Runs `body` without faults, and without counting its calls.
    pub fn quietly<T>(&self, body: impl FnOnce() -> T) -> T {
        let kept = std::mem::take(&mut *self.lock());
        let out = body();
        *self.lock() = kept;
        out
    }

    /// Ends all faults, and the crash. The count starts again.
    pub fn reopen(&self) {
        self.follow(Fault::None);
    }

    fn follow(&self, fault: Fault) {
        *self.lock() = State {
            fault,
            ..State::default()
        };
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call that has no effect before it returns.
    pub(super) fn call(&self, what: &'static str) -> Result<()> {
        self.count(what, false)?.end(what, ())
    }

    /// Counts a call whose effect may outlive its failure.
    pub(super) fn effect(&self, what: &'static str) -> Result<Verdict> {
        self.count(what, true)
    }

    fn count(&self, what: &'static str, effect: bool) -> Result<Verdict> {
        let mut state = self.lock();
        let state = &mut *state;
        state.calls += 1;
        let n = state.calls;
        if effect {
            state.effects.push(n);
        }
        let verdict = match &mut state.fault {
            _ if state.down => Err(failure(what)),
            Fault::FailAt(at) if n == *at => Err(failure(what)),
            Fault::CrashBefore(at) if n == *at => {
                state.down = true;
                Err(failure(what))
            }
            Fault::CrashAfter(at) if n == *at => {
                state.down = true;
                Ok(Verdict::FailAfter)
            }
            Fault::Random(random, p) => match (random.chance(*p), random.below(2)) {
                (false, _) => Ok(Verdict::Proceed),
                (true, 0) => Err(failure(what)),
                (true, _) => Ok(Verdict::FailAfter),
            },
            _ => Ok(Verdict::Proceed),
        };
        if !matches!(verdict, Ok(Verdict::Proceed)) {
            state.faults += 1;
        }
        verdict
    }
}

fn failure(what: &'static str) -> Error {
    Error::new(ErrorKind::Unavailable, what).because("injected fault")
}
