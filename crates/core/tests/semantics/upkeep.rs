use futures::executor::block_on;
use workspace_core::{
    At, CollectBudget, ForkOptions, KeepRevisions, NextStep, Options, RevisionMessage, Timestamp,
    Upkeep, UpkeepStep,
};

use crate::support::{Fixture, change, write};

const HOUR: i64 = 60 * 60 * 1000;
const KEEP_CLOSED: i64 = 1_000_000;
const KEEP_MEMOS: i64 = 5_000;

impl Fixture {
    fn upkeep(&self, policy: &Upkeep) -> UpkeepStep {
        block_on(self.workspace.upkeep(policy)).unwrap()
    }

    fn fork_until(&self, expires: i64) {
        let options = ForkOptions::default().expires(Timestamp::from_millis(expires));
        self.workspace.fork(options).unwrap();
    }

    fn snapshot(&self) {
        self.workspace.snapshot(RevisionMessage::default()).unwrap();
    }
}

fn fixture() -> Fixture {
    Fixture::with(
        Options::default()
            .inline_limit(100)
            .keep_closed_copies(KEEP_CLOSED)
            .keep_memos(KEEP_MEMOS)
            .keep_events(20),
    )
}

/// > Upkeep discards expired copies, forgets closed ones, prunes revisions, deletes memos that are kept no longer and collects, in steps that keep to their budget.
#[test]
fn upkeep_keeps_to_its_budget() {
    let fixture = fixture();
    for n in 0..25 {
        let copy = fixture.fork();
        for text in ["1", "2", "3"] {
            fixture.write(At::Copy(copy), &format!("/{n}"), text);
        }
        fixture.workspace.discard(copy).unwrap();
        fixture.write(At::Head, &format!("/{n}/large"), &"x".repeat(200 + n));
        fixture.snapshot();
    }
    fixture.remove(At::Head, "/3");
    fixture.snapshot();
    fixture.time.set(fixture.time.get() + KEEP_CLOSED);
    for n in 0..25 {
        fixture.fork_until(fixture.time.get() + 1000 + n);
    }
    fixture.time.set(fixture.time.get() + 2000);
    for n in 0..25 {
        fixture.fork_once(&format!("key-{n}")).unwrap();
    }
    fixture.time.set(fixture.time.get() + KEEP_MEMOS);
    let policy = Upkeep::default()
        .keep_revisions(KeepRevisions::default().newest(2))
        .budget(CollectBudget::default().rows(10))
        .idle(0);
    let mut done = [0; 3];
    let mut steps = 0;
    loop {
        let metered = fixture.workspace.metered();
        let step = block_on(metered.upkeep(&policy)).unwrap();
        let receipt = metered.receipt();
        let rows = receipt.rows_read + receipt.rows_written;
        let nodes = receipt.nodes_read + receipt.nodes_written;
        assert!(rows <= 80 && nodes <= 20, "{step:?}: {receipt:?}");
        assert!(receipt.blob_calls <= 11, "{step:?}: {receipt:?}");
        done[0] += step.expired;
        done[1] += step.forgotten;
        done[2] += step.pruned;
        steps += 1;
        if step.next != NextStep::Now {
            break;
        }
    }
    assert_eq!(done, [25, 25, 24]);
    assert!(steps > 20);
    assert_eq!(fixture.workspace.copies(false, None, 99).unwrap().len(), 50);
    assert_eq!(fixture.memos(), 0);
    assert_eq!(fixture.workspace.revisions(None, 99).unwrap().len(), 2);
    let usage = fixture.workspace.usage().unwrap();
    assert_eq!((usage.operations, usage.object_contents), (0, 25));
    let last = fixture.workspace.last_event().unwrap();
    assert!(fixture.workspace.events(last - 21, 1).is_err());
    fixture.fsck();
    // What the budget left over is there in the next one, after a restart too.
    let collected = fixture.gc();
    assert_eq!((collected.nodes, collected.contents), (0, 0));
}

/// A step marks and sweeps no more than its budget and one node's entries, also where a
/// directory is large.
#[test]
fn upkeep_keeps_to_its_budget_over_a_large_directory() {
    const BUDGET: u64 = 100;
    /// More than the entries that fit into a node, and the rows of a step's place.
    const NODE: u64 = 250;
    let fixture = fixture();
    let writes = (0..5_000).map(|n| write(&format!("/large/{n}"), &n.to_string()));
    change(&fixture.workspace.files(At::Head), writes.collect()).unwrap();
    fixture.remove(At::Head, "/large/7");
    let policy = Upkeep::default()
        .budget(CollectBudget::default().rows(BUDGET as usize))
        .idle(0);
    let mut steps = 0;
    loop {
        let metered = fixture.workspace.metered();
        let step = block_on(metered.upkeep(&policy)).unwrap();
        let receipt = metered.receipt();
        let rows = receipt.rows_read + receipt.rows_written;
        let nodes = receipt.nodes_read + receipt.nodes_written;
        assert!(rows + nodes <= BUDGET + NODE, "{step:?}: {receipt:?}");
        steps += 1;
        if step.next != NextStep::Now {
            break;
        }
    }
    assert!(steps > 5_000 / (BUDGET + NODE), "{steps} steps");
    fixture.fsck();
}

/// > Upkeep says when its next step is due: at once, at a time, or not before something changes.
#[test]
fn upkeep_says_when_it_is_due() {
    let fixture = fixture();
    let workspace = &fixture.workspace;
    let policy = Upkeep::default();
    let next = || fixture.upkeep(&policy).next;
    let until_done = || {
        for _ in 0..20 {
            match next() {
                NextStep::Now => {}
                next => return next,
            }
        }
        panic!("it does not end");
    };
    let after = |time: Timestamp, millis| NextStep::At(time.plus_millis(millis));
    assert_eq!(next(), NextStep::Never);

    fixture.write(At::Head, "/a", "1");
    let first = workspace.head().unwrap().modified;
    assert_eq!(next(), after(first, HOUR));
    fixture.time.set(fixture.time.get() + HOUR / 2);
    fixture.write(At::Head, "/a", "2");
    let second = workspace.head().unwrap().modified;
    assert_eq!(next(), after(second, HOUR), "an hour without a change");
    fixture.time.set(second.as_millis() + HOUR);
    assert_eq!(next(), NextStep::Now);
    assert_eq!(until_done(), NextStep::Never);

    // Where nothing is due, nothing is written, and next to nothing read.
    let metered = workspace.metered();
    assert_eq!(
        block_on(metered.upkeep(&policy)).unwrap().next,
        NextStep::Never
    );
    let receipt = metered.receipt();
    assert_eq!(
        (receipt.commits, receipt.rows_written, receipt.blob_calls),
        (0, 0, 0)
    );
    assert!(receipt.rows_read <= 10, "{receipt:?}");

    // It does not wait for ever for changes to stop.
    fixture.write(At::Head, "/a", "3");
    let first = workspace.head().unwrap().modified;
    for n in 0..30 {
        fixture.time.set(fixture.time.get() + HOUR * 9 / 10);
        fixture.write(At::Head, "/a", &n.to_string());
        let late = workspace.head().unwrap().modified.as_millis() - first.as_millis() >= 24 * HOUR;
        assert_eq!(next() == NextStep::Now, late);
        if late {
            break;
        }
    }
    assert_eq!(until_done(), NextStep::Never);

    // A copy expires, and is forgotten later.
    let expires = fixture.time.get() + 10 * HOUR;
    fixture.fork_until(expires);
    fixture.time.set(fixture.time.get() + HOUR);
    assert_eq!(until_done(), NextStep::At(Timestamp::from_millis(expires)));
    fixture.time.set(expires);
    assert_eq!(fixture.upkeep(&policy).expired, 1);
    let closed = workspace.copies(false, None, 9).unwrap()[0].modified;
    assert_eq!(
        next(),
        after(closed, KEEP_CLOSED),
        "before the idle hour is over"
    );
    fixture.time.set(closed.as_millis() + KEEP_CLOSED);
    assert_eq!(fixture.upkeep(&policy).forgotten, 1);
    fixture.time.set(fixture.time.get() + HOUR);
    assert_eq!(until_done(), NextStep::Never);

    // A revision is kept for two hours.
    change(&workspace.files(At::Head), vec![write("/b", "1")]).unwrap();
    fixture.snapshot();
    let recorded = workspace.revisions(None, 1).unwrap()[0].at;
    fixture.write(At::Head, "/b", "2");
    fixture.snapshot();
    let prune = |now: i64| {
        Upkeep::default()
            .keep_revisions(
                KeepRevisions::default()
                    .newest(1)
                    .since(Timestamp::from_millis(now - 2 * HOUR)),
            )
            .idle(100 * HOUR)
    };
    let now = fixture.time.get() + 1;
    assert_eq!(
        fixture.upkeep(&prune(now)).next,
        after(recorded, 2 * HOUR + 1)
    );
    let now = recorded.as_millis() + 2 * HOUR + 1;
    fixture.time.set(now - 1);
    assert_eq!(fixture.upkeep(&prune(now)).pruned, 1);

    // A memo is kept for a time.
    let policy = Upkeep::default().idle(100 * HOUR);
    fixture.fork_once("key").unwrap();
    let made = workspace.memo(None, &"key".parse().unwrap());
    let made = made.unwrap().unwrap().at;
    assert_eq!(fixture.upkeep(&policy).next, after(made, KEEP_MEMOS));
    fixture.time.set(made.as_millis() + KEEP_MEMOS);
    let next = fixture.upkeep(&policy).next;
    assert_eq!(fixture.memos(), 0);
    assert!(matches!(next, NextStep::At(at) if at > made.plus_millis(KEEP_MEMOS)));
}

/// What expires, what is forgotten with its operations, and what is pruned share the rows
/// of a step, in that order.
#[test]
fn a_step_shares_its_rows() {
    let fixture = fixture();
    let workspace = &fixture.workspace;
    for n in 0..2 {
        let copy = fixture.fork();
        fixture.write(At::Copy(copy), "/x", &n.to_string());
        workspace.discard(copy).unwrap();
    }
    fixture.time.set(fixture.time.get() + KEEP_CLOSED);
    for n in 0..9 {
        fixture.write(At::Head, "/x", &n.to_string());
        fixture.snapshot();
    }
    let later = fixture.time.get() + 1_000;
    for _ in 0..3 {
        fixture.fork_until(later);
    }
    fixture.time.set(later);
    let policy = Upkeep::default().keep_revisions(KeepRevisions::default().newest(1));
    for (rows, shares) in [
        // Three expire, each that is forgotten takes its operation along, and three rows
        // are left for revisions.
        (10, [3, 2, 3]),
        (4, [0, 0, 4]),
        (4, [0, 0, 1]),
    ] {
        let policy = policy
            .budget(CollectBudget::default().rows(rows))
            .idle(None);
        let step = fixture.upkeep(&policy);
        assert_eq!([step.expired, step.forgotten, step.pruned], shares);
        let full = shares.iter().sum::<u64>() + shares[1] >= rows as u64;
        assert_eq!(step.collected.is_none(), full, "{step:?}");
        assert_eq!(step.next, NextStep::Now);
    }
}

/// More copies expire in one call than one transaction takes, and all are counted.
#[test]
fn all_copies_that_have_expired_are_discarded_in_one_call() {
    for count in [0, 1, 99, 100, 101, 250] {
        let fixture = fixture();
        let later = fixture.time.get() + 10_000;
        for _ in 0..count {
            fixture.fork_until(later);
        }
        fixture.fork();
        fixture.time.set(later);
        assert_eq!(fixture.workspace.expire_copies().unwrap(), count);
        assert_eq!(fixture.workspace.copies(true, None, 9).unwrap().len(), 1);
        assert_eq!(fixture.workspace.expire_copies().unwrap(), 0);
    }
}

/// As many revisions are pruned in one call as there are to prune.
#[test]
fn all_old_revisions_are_pruned_in_one_call() {
    for count in [1, 100, 101, 102, 250] {
        let fixture = fixture();
        for n in 0..count {
            fixture.write(At::Head, "/x", &n.to_string());
            fixture.snapshot();
        }
        let pruned = fixture.workspace.prune_revisions(KeepRevisions::default());
        assert_eq!(pruned.unwrap(), count - 1);
        assert_eq!(fixture.workspace.revisions(None, 9).unwrap().len(), 1);
    }
}

/// A step that has used up its rows asks for another, whatever is left to do.
#[test]
fn a_step_that_used_up_its_rows_asks_for_another() {
    for (rows, next_is_now) in [(2, true), (3, true), (4, false)] {
        let fixture = fixture();
        let later = fixture.time.get() + 10_000;
        for _ in 0..3 {
            fixture.fork_until(later);
        }
        fixture.time.set(later);
        let budget = CollectBudget::default().rows(rows);
        let step = fixture.upkeep(&Upkeep::default().budget(budget).idle(1_000 * HOUR));
        assert_eq!(step.expired, rows.min(3) as u64);
        assert_eq!(
            step.next == NextStep::Now,
            next_is_now,
            "{rows} rows: {step:?}"
        );
        assert!(step.collected.is_none());
    }
}

/// A change of this very moment is as calm as any other a while later, and one of the
/// future, by a clock that went back, is not waited for.
#[test]
fn a_collection_waits_from_the_moment_of_a_change() {
    let fixture = fixture();
    fixture.write(At::Head, "/a", "x");
    let changed = fixture.workspace.head().unwrap().modified;
    let policy = Upkeep::default().idle(HOUR);
    // The clock goes on by one with each look at it.
    fixture.time.set(changed.as_millis() - 1);
    let calm = NextStep::At(changed.plus_millis(HOUR));
    assert_eq!(fixture.upkeep(&policy).next, calm);
    fixture.time.set(changed.as_millis() - 2);
    assert!(fixture.upkeep(&policy).collected.is_some());
}
