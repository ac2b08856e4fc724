//! Many tasks over one workspace at once, by many seeds.

use std::ops::Range;
use std::panic::catch_unwind;
use std::thread;
use std::time::Instant;

use anyhow::Result;
use workspace_sql::SqlConn;
use workspace_testkit::interleave::{Tally, run};
use workspace_testkit::{LimitedConn, MemoryStorage, SqlStorage, Storage};

use crate::Bench;
use crate::figures::{Limit, Section, shown};
use crate::model::Shared;

type Make = fn() -> Box<dyn Storage>;

const STORES: [(&str, Make); 2] = [("memory", memory), ("SQLite", sqlite)];

fn memory() -> Box<dyn Storage> {
    Box::new(MemoryStorage::new())
}

/// With the limits of a Durable Object, which SQLite keeps as well.
fn sqlite() -> Box<dyn Storage> {
    fn over(conn: impl SqlConn + Clone + 'static) -> Box<dyn Storage> {
        Box::new(SqlStorage::new(move || Ok(LimitedConn::new(conn.clone()))))
    }
    over(Shared::new())
}

/// Measures the section.
pub(crate) fn measure(bench: &Bench) -> Result<Section> {
    let [in_memory, over_sqlite] = if bench.quick {
        [400, 100]
    } else {
        [100_000, 20_000]
    };
    let mut section = Section::new(
        "Interleaved tasks",
        format!(
            "{} seeds over memory and {} over SQLite within a Durable Object's limits: up to ten tasks \
             over one workspace, interleaved at their awaits in an order that the seed repeats. They edit, \
             import, read, export, undo, rebase, apply, restore, prune, hand out grants and collect, in one \
             copy or in three; one call in eight is dropped half-way, and in half of the seeds one store \
             call in five hundred fails. No acknowledged write may be lost but by a call that says so, no \
             answer may be `Corrupt`, and in the end nothing may be damaged, left over or missing from a log.",
            shown(in_memory as f64),
            shown(over_sqlite as f64),
        ),
    );
    for ((store, make), seeds) in STORES.into_iter().zip([in_memory, over_sqlite]) {
        let start = Instant::now();
        let tally = shared_out(make, 0..seeds);
        let took = start.elapsed().as_secs_f64();
        let sum = tally.sum();
        section.held(
            format!("seeds without a fault found, {store}"),
            tally.seeds as f64,
            "seeds",
            Limit::AtLeast(seeds as f64),
        );
        for (what, count) in [
            ("calls", sum.all()),
            ("of these refused, as they may be", sum.refused),
            ("of these dropped half-way", sum.dropped),
            ("of these hit by a fault", sum.failed),
            ("turns", tally.turns),
        ] {
            section.shown(format!("{what}, {store}"), count as f64, "");
        }
        section.shown(format!("time for these, {store}"), took, "s");
    }
    Ok(section)
}

/// Runs the seeds on all cores; those of a core end with the first that goes wrong,
/// which its panic tells of.
fn shared_out(make: Make, seeds: Range<u64>) -> Tally {
    /// How many a core takes at once.
    const PIECE: u64 = 100;
    let cores = thread::available_parallelism().map_or(1, usize::from) as u64;
    let of_core = move |core: u64| {
        let mut tally = Tally::default();
        let pieces = (seeds.start..seeds.end).step_by(PIECE as usize);
        for first in pieces.skip(core as usize).step_by(cores as usize) {
            let piece = first..(first + PIECE).min(seeds.end);
            match catch_unwind(|| run(&make, piece)) {
                Ok(done) => tally.add(&done),
                Err(_) => break,
            }
        }
        tally
    };
    thread::scope(|scope| {
        let cores: Vec<_> = (0..cores)
            .map(|core| scope.spawn(move || of_core(core)))
            .collect();
        let mut tally = Tally::default();
        for core in cores {
            if let Ok(done) = core.join() {
                tally.add(&done);
            }
        }
        tally
    })
}
