//! Tasks that are interleaved lose nothing, and leave nothing behind.
//!
//! `INTERLEAVE=71 cargo nextest run -p workspace-testkit --test interleave` runs seed
//! 71 alone, `INTERLEAVE=0-100000` so many.

mod sqlite;

use sqlite::MemorySqlite;
use workspace_testkit::interleave::{Tally, run};
use workspace_testkit::model::MakeStorage;
use workspace_testkit::{MemoryStorage, SqlStorage, seeds};

const MEMORY: MakeStorage<'_> = &|| Box::new(MemoryStorage::new());

const SQLITE: MakeStorage<'_> = &|| {
    let database = MemorySqlite::new();
    Box::new(SqlStorage::new(move || Ok(database.clone())))
};

/// Everything was done often enough, with each of its outcomes.
fn check(tally: &Tally) {
    if tally.seeds < 60 {
        return;
    }
    for (what, calls) in &tally.calls {
        assert!(calls.done * 4 > calls.all(), "{what} of {tally:?}");
    }
    let sum = tally.sum();
    assert!(sum.dropped * 100 > sum.all(), "{tally:?}");
    assert!(sum.failed * 200 > sum.all(), "{tally:?}");
}

#[test]
fn tasks_in_memory() {
    check(&run(MEMORY, seeds("INTERLEAVE", 0..200)));
}

#[test]
fn tasks_over_sqlite() {
    check(&run(SQLITE, seeds("INTERLEAVE", 1_000..1_060)));
}
