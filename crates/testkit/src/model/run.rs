//! Many sessions, and the shortest way to a divergence.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use futures::executor::block_on;
use workspace_core::Result;

use super::session::Session;
use super::show::Answer;
use crate::random::Random;
use crate::storage::Storage;

/// How much to run. The same values run the same.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// Where the choices come from.
    pub seed: u64,
    /// How many workspaces are created.
    pub sessions: u64,
    /// How many operations each goes through.
    pub operations: usize,
    /// The probability that a store call fails; 0 for none.
    pub faults: f64,
}

/// What a run did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Operations performed, repetitions after faults not counted.
    pub operations: u64,
    /// Those that succeeded.
    pub succeeded: u64,
    /// Those that a fault hit.
    pub interrupted: u64,
    /// Store calls that failed.
    pub faults: u64,
}

impl Tally {
    pub(super) fn count(&mut self, outcome: &Result<Answer>, faults: u64) {
        self.operations += 1;
        self.succeeded += u64::from(outcome.is_ok());
        self.interrupted += u64::from(faults > 0);
        self.faults += faults;
    }

    fn add(&mut self, other: Self) {
        self.operations += other.operations;
        self.succeeded += other.succeeded;
        self.interrupted += other.interrupted;
        self.faults += other.faults;
    }
}

/// Creates empty storage for a session.
pub type MakeStorage<'a> = &'a dyn Fn() -> Box<dyn Storage>;

/// Runs random operations against the facade over `make`'s storage and against
/// the model.
///
/// # Panics
/// At the first divergence, with what leads there.
pub fn run(make: MakeStorage<'_>, run: &Run) -> Tally {
    let mut tally = Tally::default();
    let mut random = Random::new(run.seed);
    for _ in 0..run.sessions {
        let seed = random.bits();
        let choices: Vec<u64> = (0..run.operations).map(|_| random.bits()).collect();
        match attempt(make, seed, run.faults, &choices, false) {
            Ok(session) => tally.add(session),
            Err(_) => {
                let (choices, report) = minimize(make, seed, run.faults, choices);
                panic!(
                    "{report}\nreplay(make, {seed:#x}, {:?}, &{choices:#x?})",
                    run.faults
                );
            }
        }
    }
    tally
}

/// Runs one session by its seed and choices, as a failed [`run`] names them.
///
/// # Panics
/// At the first divergence.
pub fn replay(make: MakeStorage<'_>, seed: u64, faults: f64, choices: &[u64]) {
    if let Err(divergence) = attempt(make, seed, faults, choices, true) {
        panic!("{divergence}");
    }
}

struct Divergence {
    why: String,
    log: Vec<String>,
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.log.iter().try_for_each(|line| writeln!(f, "{line}"))?;
        write!(f, "{}", self.why)
    }
}

fn attempt(
    make: MakeStorage<'_>,
    seed: u64,
    faults: f64,
    choices: &[u64],
    logs: bool,
) -> std::result::Result<Tally, Divergence> {
    let storage = make();
    let mut session = Session::new(&*storage, seed, faults);
    session.log = logs.then(Vec::new);
    let all = async {
        for bits in choices {
            session.step(*bits).await?;
        }
        session.finish().await
    };
    let ended = catch_unwind(AssertUnwindSafe(|| block_on(all)));
    let why = match ended {
        Ok(Ok(())) => return Ok(session.tally),
        Ok(Err(why)) => why,
        Err(panic) => match panic.downcast::<String>() {
            Ok(why) => format!("panic: {why}"),
            Err(panic) => format!("panic: {:?}", panic.downcast_ref::<&str>()),
        },
    };
    Err(Divergence {
        why,
        log: session.log.unwrap_or_default(),
    })
}

/// Leaves out whatever is not needed for a divergence, not always the same one.
fn minimize(
    make: MakeStorage<'_>,
    seed: u64,
    faults: f64,
    mut choices: Vec<u64>,
) -> (Vec<u64>, String) {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let fails = |choices: &[u64]| attempt(make, seed, faults, choices, false).is_err();
    let mut size = choices.len().div_ceil(2);
    while size > 0 {
        let mut from = 0;
        while from < choices.len() {
            let mut fewer = choices.clone();
            fewer.drain(from..(from + size).min(choices.len()));
            match fails(&fewer) {
                true => choices = fewer,
                false => from += size,
            }
        }
        size /= 2;
    }
    let report = match attempt(make, seed, faults, &choices, true) {
        Ok(_) => "a divergence that does not repeat itself".into(),
        Err(divergence) => divergence.to_string(),
    };
    std::panic::set_hook(hook);
    (choices, report)
}
