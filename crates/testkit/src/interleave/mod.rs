//! Many tasks over clones of one [`Workspace`](workspace_core::Workspace), truly
//! interleaved at their awaits.
//!
//! Editors, importers, readers, collectors and the rest work at once, in one copy or
//! in several and at head. The stores take a random number of turns for each call,
//! calls are dropped half-way, and in half of the seeds store calls fail. Each task
//! has paths of its own: what was acknowledged of them must be there until a call
//! that may change it (an undo, a rebase, an apply, a restore) says that it did, and
//! such a call must have led to what three plain maps merge to. In the end nothing
//! may be damaged, left over, or missing from a log.
//!
//! Everything follows from the seed: [`run`] runs it again.

mod blobs;
mod end;
mod executor;
mod tally;
mod task;
mod world;

use std::cell::RefCell;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use futures::FutureExt;

pub use tally::{Calls, Tally};

use crate::model::MakeStorage;
use crate::random::Random;
use executor::Executor;
use task::{Task, check_now_and_then, collect_now_and_then, follow};
use world::World;

/// How many steps a task takes.
const STEPS: usize = 9;

/// Runs each of `seeds` over new storage of its own; returns what was done.
///
/// # Panics
/// At the first seed that goes wrong, with what its tasks did.
pub fn run(make: MakeStorage<'_>, seeds: Range<u64>) -> Tally {
    let mut tally = Tally::default();
    for seed in seeds {
        let log = RefCell::new(Vec::new());
        match catch_unwind(AssertUnwindSafe(|| attempt(make, seed, None))) {
            Ok(done) => tally.add(&done),
            Err(_) => {
                let again = catch_unwind(AssertUnwindSafe(|| attempt(make, seed, Some(&log))));
                let why = match again {
                    Ok(_) => "it does not repeat itself".into(),
                    Err(panic) => match panic.downcast::<String>() {
                        Ok(why) => *why,
                        Err(panic) => format!("{:?}", panic.downcast_ref::<&str>()),
                    },
                };
                let log = log.into_inner().join("\n");
                panic!("{log}\nseed {seed}: {why}");
            }
        }
    }
    tally
}

/// Runs one seed. What its tasks do goes to `log`.
fn attempt(make: MakeStorage<'_>, seed: u64, log: Option<&RefCell<Vec<String>>>) -> Tally {
    let storage = make();
    let mut random = Random::new(seed);
    let workers = 4 + random.below(3);
    let world = World::new(&*storage, seed, workers, &mut random, log);
    let mut executor = Executor::new(Random::new(random.bits()));
    for number in 0..workers {
        let task = Task::new(&world, number, Random::new(random.bits()));
        executor.spawn(task.live(STEPS).boxed_local());
    }
    for _ in 0..1 + random.below(2) {
        let random = Random::new(random.bits());
        executor.spawn(collect_now_and_then(&world, random, STEPS).boxed_local());
    }
    executor.spawn(check_now_and_then(&world, Random::new(random.bits())).boxed_local());
    executor.attend(follow(&world, Random::new(random.bits())).boxed_local());
    let turns = executor.run();
    let mut tally = end::check(world, &*storage);
    tally.seeds = 1;
    tally.turns = turns;
    tally
}
