//! The facade does what the model does, over stores in memory.

use workspace_testkit::MemoryStorage;
use workspace_testkit::model::{MakeStorage, Run, Scenario, crash, run};

const MEMORY: MakeStorage<'_> = &|| Box::new(MemoryStorage::new());

#[test]
fn random_operations() {
    let tally = run(
        MEMORY,
        &Run {
            seed: 1,
            sessions: 8,
            operations: 250,
            faults: 0.0,
        },
    );
    assert!(tally.succeeded > tally.operations / 2, "{tally:?}");
}

#[test]
fn random_operations_with_faults() {
    let tally = run(
        MEMORY,
        &Run {
            seed: 2,
            sessions: 8,
            operations: 250,
            faults: 0.01,
        },
    );
    assert!(tally.interrupted > tally.operations / 20, "{tally:?}");
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
