//! The loop of an agent inside the object, and what open copies take.

use std::cell::Cell;

use anyhow::Result;

use super::{Inside, TESTS, start};
use crate::Bench;
use crate::figures::{Limit, Section};
use crate::measure::Rounds;

const A_SECOND: f64 = 500.0;
const OF_THAT: f64 = 0.7;
const FORKS: u64 = 20;
const FORKS_KIB: f64 = 20.0;
const MEMORY: f64 = 128.0;

/// Measures the section.
pub(crate) fn measure(bench: &Bench) -> Result<Section> {
    let (many, rounds, times) = match bench.quick {
        true => (20_000, 5, 50),
        false => (100_000, 20, 100),
    };
    let mut section = Section::new(
        "In workerd: the loop",
        format!(
            "Fork, write 10 files, apply: {times} times in one request to an object, less an empty request, \
             {rounds} rounds in turn with the objects of both sizes. They become durable together, when \
             the request ends; the durable ones each wait for the disk (`storage.sync()`) before the next \
             begins. The database is the object's own account of its size (`databaseSize`), whole pages \
             of 4 KiB; its growth by 2,000 forks more tells what one takes. Memory is that of the wasm \
             instance that did all this for both objects."
        ),
    );
    let workerd = start(bench, TESTS)?;
    let client = workerd.client();
    let sides = [
        Inside::filled(&client, 10_000)?,
        Inside::filled(&client, many)?,
    ];
    storage(&sides[0], &mut section)?;
    let from = Cell::new(0);
    let seconds = |side: usize, operation: &str| {
        from.set(from.get() + times);
        sides[side].seconds(operation, times, from.get())
    };
    let taken = Rounds::<2>::take(rounds, |side| seconds(side, "iteration"))?;
    section.held(
        "loops at 10,000 files",
        1.0 / taken.median(0),
        "a second",
        Limit::AtLeast(A_SECOND),
    );
    section.held(
        format!("their number at {many} files over that"),
        taken.ratio(0, 1),
        "times",
        Limit::AtLeast(OF_THAT),
    );
    let durable = Rounds::<2>::take(rounds, |side| seconds(side, "durable-iteration"))?;
    section.shown(
        "durable loops, one after the other, at 10,000 files",
        1.0 / durable.median(0),
        "a second",
    );
    section.shown(
        format!("their number at {many} files over that"),
        durable.ratio(0, 1),
        "times",
    );
    let memory: f64 = sides[1].run("memory-bytes", 0, 0)?.parse()?;
    section.held(
        "memory of the instance",
        memory / f64::from(1 << 20),
        "MiB",
        Limit::Under(MEMORY),
    );
    Ok(section)
}

fn storage(object: &Inside, section: &mut Section) -> Result<()> {
    let size = || anyhow::Ok(object.run("database-bytes", 0, 0)?.parse::<f64>()?);
    let before = size()?;
    object.run("fork", FORKS, 0)?;
    let after = size()?;
    section.held(
        format!("{FORKS} open forks of 10,000 files add"),
        (after - before) / 1024.0,
        "KiB",
        Limit::AtMost(FORKS_KIB),
    );
    let more = 2_000;
    object.run("fork", more, 0)?;
    section.shown(
        format!("each of {more} more adds"),
        (size()? - after) / more as f64,
        "bytes",
    );
    object.run("discard", FORKS + more, 0)?;
    Ok(())
}
