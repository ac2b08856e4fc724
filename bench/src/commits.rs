//! Near the limit: what a fork and an apply cost, in durable commits of bare SQLite.

use std::cell::RefCell;

use anyhow::Result;
use workspace_core::{ApplyOptions, At, ForkOptions};

use crate::Bench;
use crate::data;
use crate::figures::{Limit, Section, shown};
use crate::measure::{Rounds, timed};
use crate::ours::Ours;
use crate::peers::BareSqlite;

const RATIO: f64 = 1.5;
const FILES: u64 = 10;

/// Measures the section.
pub(crate) fn measure(bench: &Bench) -> Result<Section> {
    let rounds = if bench.quick { 100 } else { 500 };
    let shape = data::TEN_THOUSAND;
    let mut section = Section::new(
        "Near the limit",
        format!(
            "A workspace of {} files beside a bare SQLite database, on the same disk and with the same \
             settings (write-ahead log, `synchronous=FULL`), in which each commit inserts one row of 100 \
             bytes through a prepared statement. {rounds} rounds of one commit, one fork and one apply.",
            shown(shape.files() as f64)
        ),
    );
    let ours = Ours::create(&bench.directory.join("commits"))?;
    ours.import(shape)?;
    let workspace = &ours.workspace;
    let bare = RefCell::new(BareSqlite::create(&bench.directory.join("bare.db"))?);
    let mut seed = shape.files();
    let taken = Rounds::<3>::take(rounds, |which| match which {
        0 => bare.borrow_mut().commit(),
        1 => {
            let (took, _) = timed(|| Ok(workspace.fork(ForkOptions::default())?))?;
            Ok(took.as_secs_f64())
        }
        _ => {
            let copy = workspace.fork(ForkOptions::default())?.id;
            let mut files = Vec::new();
            for _ in 0..FILES {
                let path = shape.path(data::next_random(&mut seed) % shape.files())?;
                files.push((path, data::text(seed, shape.file_bytes)));
            }
            ours.write(At::Copy(copy), files)?;
            let (took, _) = timed(|| Ok(workspace.apply(copy, ApplyOptions::default())?))?;
            Ok(took.as_secs_f64())
        }
    })?;
    let limit = Limit::AtMost(RATIO);
    section.held("fork over a bare commit", taken.ratio(1, 0), "times", limit);
    section.held(
        format!("apply of a {FILES}-file change over a bare commit"),
        taken.ratio(2, 0),
        "times",
        limit,
    );
    for (which, name) in [(0, "bare commit of one row"), (1, "fork"), (2, "apply")] {
        section.shown(name, taken.median(which) * 1e3, "ms");
    }
    Ok(section)
}
