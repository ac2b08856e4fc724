//! Small: what calls add to the database.

use std::path::Path;

use anyhow::Result;
use rusqlite::Connection;
use workspace_core::{ApplyOptions, At, ForkOptions};

use crate::Bench;
use crate::data;
use crate::figures::{Limit, Section};
use crate::ours::Ours;

const FORK_BYTES: f64 = 300.0;
const APPLIED_BYTES: f64 = 16.0 * 1024.0;
const WIDE_BYTES: f64 = 32.0 * 1024.0;

/// Measures the section.
pub(crate) fn measure(bench: &Bench) -> Result<Section> {
    let (forks, applies, changes) = match bench.quick {
        true => (1_000, 100, 50),
        false => (5_000, 500, 200),
    };
    let mut section = Section::new(
        "Small",
        format!(
            "Bytes of the database file, its log checkpointed into it, before and after {forks} forks \
             (with and without a name), and {applies} times a fork, a change of one file of 1 KiB and its \
             apply: everything these leave behind, old nodes and contents included. What one change \
             rewrites in a directory is what its receipt says of bytes written, less the content: the \
             largest of {changes}."
        ),
    );
    let directory = bench.directory.join("sizes");
    let shape = data::FOUR_DEEP;
    let ours = Ours::create(&directory)?;
    ours.import(shape)?;
    let database = ours.close();
    for named in [true, false] {
        let grown = growth(&database, || {
            let ours = Ours::open(&directory)?;
            for at in 0..forks {
                let name = named.then(|| format!("copy-{at:05}"));
                ours.workspace.fork(ForkOptions::default().name(name))?;
            }
            Ok(())
        })?;
        let name = if named {
            "a fork with a name"
        } else {
            "a fork"
        };
        let bytes = grown / f64::from(forks);
        section.held(name, bytes, "bytes", Limit::AtMost(FORK_BYTES));
    }
    let grown = growth(&database, || {
        let ours = Ours::open(&directory)?;
        let mut seed = shape.files();
        for _ in 0..applies {
            let path = shape.path(data::next_random(&mut seed) % shape.files())?;
            let copy = ours.workspace.fork(ForkOptions::default())?.id;
            let bytes = data::text(seed, shape.file_bytes);
            ours.write(At::Copy(copy), vec![(path, bytes)])?;
            ours.workspace.apply(copy, ApplyOptions::default())?;
        }
        Ok(())
    })?;
    section.held(
        "an applied change of one file, four deep among 10,000",
        grown / f64::from(applies),
        "bytes",
        Limit::AtMost(APPLIED_BYTES),
    );
    wide(bench, changes, &mut section)?;
    Ok(section)
}

fn wide(bench: &Bench, changes: u32, section: &mut Section) -> Result<()> {
    let shape = data::WIDE;
    let mut ours = Ours::create(&bench.directory.join("wide"))?;
    ours.import(shape)?;
    let copy = ours.workspace.fork(ForkOptions::default())?.id;
    let mut seed = shape.files();
    let (mut largest, mut sum) = (0, 0);
    for _ in 0..changes {
        let path = shape.path(data::next_random(&mut seed) % shape.files())?;
        let bytes = data::text(seed, shape.file_bytes);
        ours.workspace = ours.workspace.metered();
        ours.write(At::Copy(copy), vec![(path, bytes)])?;
        let content = shape.file_bytes as u64;
        let written = ours.workspace.receipt().bytes_written - content;
        largest = written.max(largest);
        sum += written;
    }
    section.held(
        "a change in a directory of 100,000, at most",
        largest as f64,
        "bytes",
        Limit::AtMost(WIDE_BYTES),
    );
    section.shown(
        "a change in a directory of 100,000, on average",
        sum as f64 / f64::from(changes),
        "bytes",
    );
    Ok(())
}

/// Returns how many bytes a call makes a database longer.
fn growth(database: &Path, call: impl FnOnce() -> Result<()>) -> Result<f64> {
    let before = bytes(database)?;
    call()?;
    Ok(bytes(database)? - before)
}

fn bytes(database: &Path) -> Result<f64> {
    let connection = Connection::open(database)?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    let used: i64 = connection.query_row(
        "SELECT (page_count - freelist_count) * page_size
         FROM pragma_page_count, pragma_freelist_count, pragma_page_size",
        [],
        |row| row.get(0),
    )?;
    Ok(used as f64)
}
