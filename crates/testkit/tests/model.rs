//! The facade does what the model does, over stores in memory.
//!
//! `MODEL=100-199 cargo nextest run -p workspace-testkit --test model` runs so many seeds
//! of the first two tests.

use workspace_testkit::model::{MakeStorage, Run, Scenario, crash, run};
use workspace_testkit::{MemoryStorage, seeds};

const MEMORY: MakeStorage<'_> = &|| Box::new(MemoryStorage::new());

#[test]
fn random_operations() {
    for seed in seeds("MODEL", 1..2) {
        let tally = run(
            MEMORY,
            &Run {
                seed,
                sessions: 8,
                operations: 250,
                faults: 0.0,
            },
        );
        assert!(tally.succeeded > tally.operations / 2, "{tally:?}");
    }
}

#[test]
fn random_operations_with_faults() {
    for seed in seeds("MODEL", 2..3) {
        let tally = run(
            MEMORY,
            &Run {
                seed,
                sessions: 8,
                operations: 250,
                faults: 0.01,
            },
        );
        assert!(tally.interrupted > tally.operations / 20, "{tally:?}");
    }
}

#[test]
fn many_short_lives() {
    let seed = 3;
    let run_it = |faults| {
        run(
            MEMORY,
            &Run {
                seed,
                sessions: 60,
                operations: 25,
                faults,
            },
        )
    };
    run_it(0.0);
    run_it(0.05);
}

#[test]
fn a_crash_at_every_store_call() {
    for scenario in Scenario::ALL {
        let crashes = crash(MEMORY, scenario, 30);
        assert!(crashes >= 7, "{scenario:?}: {crashes}");
    }
}
