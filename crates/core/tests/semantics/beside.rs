//! What a collection promises to those who work beside it.

use futures::executor::block_on;
use workspace_core::store::{MetaStore, MetaTx};
use workspace_core::{
    At, Author, CollectBudget, ErrorKind, Grant, GrantOptions, KeepRevisions, NextStep,
    OperationId, Options, RevisionMessage, Timestamp, TreeId, TreePath, Upkeep,
};

use crate::support::{Fixture, change, kind, path, write};

impl Fixture {
    fn step(&self, rows: usize) -> bool {
        let budget = CollectBudget::default().rows(rows);
        block_on(self.workspace.collect(budget)).unwrap().done
    }
}

/// Head's present tree, which nothing refers to any more.
fn lost_tree(fixture: &Fixture, files: usize) -> TreeId {
    let view = fixture.workspace.files(At::Head);
    let writes = (0..files).map(|n| write(&format!("/{}/{n}", n % 9), &n.to_string()));
    change(&view, writes.collect()).unwrap();
    let tree = fixture.workspace.tree(At::Head).unwrap();
    for n in 0..9 {
        fixture.remove(At::Head, &format!("/{n}"));
    }
    tree
}

fn without_cache() -> Fixture {
    Fixture::with(Options::default().node_cache(0))
}

/// > A tree that is named by its id is there whole, or is `NotFound`.
#[test]
fn a_bare_tree_is_there_whole_or_not_found() {
    for budget in [1, 5, 40] {
        let fixture = without_cache();
        let lost = lost_tree(&fixture, 300);
        let files = fixture.workspace.files(At::Tree(lost));
        let (mut there, mut gone) = (0, 0);
        let mut done = false;
        loop {
            for n in [0, 7, 150, 299] {
                match files.stat(&path(&format!("/{}/{n}", n % 9))) {
                    Ok(found) => {
                        assert!(found.is_some());
                        there += 1;
                    }
                    Err(error) => {
                        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
                        gone += 1;
                    }
                }
            }
            if done {
                break;
            }
            done = fixture.step(budget);
        }
        assert!(
            there > 0 && gone > 0,
            "{there} and {gone}, steps of {budget}"
        );
        fixture.fsck();
    }
}

/// > A walk under way keeps its tree from being collected.
#[test]
fn a_walk_of_a_bare_tree_keeps_it_or_never_begins() {
    // A walk is begun after each number of steps of one collection.
    for steps in 0..60 {
        let fixture = without_cache();
        let lost = lost_tree(&fixture, 120);
        let mut done = false;
        for _ in 0..steps {
            done = done || fixture.step(20);
        }
        let walk = fixture
            .workspace
            .files(At::Tree(lost))
            .walk(&TreePath::root());
        match walk {
            Ok(mut walk) => {
                walk.next().unwrap().unwrap();
                fixture.gc();
                let rest = walk.collect::<Result<Vec<_>, _>>().unwrap();
                assert_eq!(rest.len(), 128, "after {steps} steps");
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::NotFound),
        }
        fixture.gc();
        assert_eq!(fixture.workspace.usage().unwrap().nodes, 0);
    }
}

/// > Collecting all deletes what is garbage at the call, also where a collection is under way.
#[test]
fn collecting_all_deletes_what_is_garbage_now() {
    // Removed after each number of steps of a collection that marked it.
    for steps in 0..30 {
        let fixture = Fixture::new();
        fixture.write(At::Head, "/secret", &"x".repeat(500));
        fixture.write(At::Head, "/other", "y");
        for _ in 0..steps {
            fixture.step(2);
        }
        fixture.remove(At::Head, "/secret");
        let collected = fixture.gc();
        assert!(collected.done);
        assert_eq!(
            fixture.workspace.usage().unwrap().object_contents,
            0,
            "after {steps} steps"
        );
        assert_eq!(block_on(fixture.blobs_listed()), 0, "after {steps} steps");
        fixture.fsck();
    }
}

impl Fixture {
    async fn blobs_listed(&self) -> usize {
        use workspace_core::store::BlobStore;
        self.blobs.list(None, 99).await.unwrap().len()
    }
}

/// > Upkeep discards expired copies, forgets closed ones, prunes revisions, deletes memos that are kept no longer and collects, in steps that keep to their budget.
#[test]
fn a_step_over_a_large_directory_keeps_to_its_budget() {
    let fixture = without_cache();
    let view = fixture.workspace.files(At::Head);
    let writes = (0..4000).map(|n| write(&format!("/{n}"), &n.to_string()));
    change(&view, writes.collect()).unwrap();
    fixture.write(At::Head, "/garbage", "1");
    fixture.remove(At::Head, "/garbage");
    for rows in [10, 100, 1000] {
        let mut largest = 0;
        loop {
            let metered = fixture.workspace.metered();
            let step = block_on(metered.collect(CollectBudget::default().rows(rows))).unwrap();
            let cost = metered.receipt();
            largest = largest
                .max(cost.rows_read + cost.rows_written + cost.nodes_read + cost.nodes_written);
            if step.done {
                break;
            }
        }
        // One node is always scanned whole: a name of 4 bytes takes 45 in it, so it
        // has fewer than 300 entries.
        assert!(largest <= rows as u64 + 300, "{largest} rows of {rows}");
        fixture.write(At::Head, "/garbage", &rows.to_string());
    }
}

/// > Upkeep discards expired copies, forgets closed ones, prunes revisions, deletes memos that are kept no longer and collects, in steps that keep to their budget.
#[test]
fn a_step_over_many_rows_of_any_kind_keeps_to_its_budget() {
    let fixture = Fixture::with(Options::default().keep_events(10).keep_operations(10));
    let copy = fixture.fork();
    for n in 0..1500 {
        fixture.write(At::Copy(copy), "/file", &n.to_string());
    }
    for n in 0..300 {
        fixture.write(At::Head, "/file", &n.to_string());
        fixture
            .workspace
            .snapshot(RevisionMessage::default())
            .unwrap();
    }
    let grants = 0..100;
    for _ in grants {
        let options = GrantOptions::default();
        let issued = fixture
            .workspace
            .issue_grant(At::Copy(copy), Grant::all(), options);
        issued.unwrap();
    }
    let rows = 100;
    loop {
        let before = fixture.rows();
        let done = fixture.step(rows);
        // Counted in the store, not by the receipt.
        let deleted = before.saturating_sub(fixture.rows());
        assert!(
            deleted <= rows as u64 + 64,
            "{deleted} rows deleted of {rows}"
        );
        if done {
            break;
        }
    }
    assert_eq!(
        fixture
            .workspace
            .events(fixture.workspace.last_event().unwrap() - 10, 99)
            .unwrap()
            .len(),
        10
    );
}

/// > Upkeep discards expired copies, forgets closed ones, prunes revisions, deletes memos that are kept no longer and collects, in steps that keep to their budget.
#[test]
fn a_step_over_grants_and_operations_keeps_to_its_budget() {
    let fixture = Fixture::with(Options::default());
    let copy = fixture.fork();
    for n in 0..300 {
        fixture.write(At::Copy(copy), "/file", &(n % 2).to_string());
        let grants =
            fixture
                .workspace
                .issue_grant(At::Copy(copy), Grant::all(), GrantOptions::default());
        grants.unwrap();
    }
    // Of which a part of the budget is much, and what is left of that little.
    for rows in [17, 35, 100] {
        let phase = || {
            let mut phase = None;
            let read = &mut |tx: &dyn MetaTx| {
                phase = tx.collection()?.map(|found| found.phase);
                Ok(())
            };
            fixture.meta.read(read).unwrap();
            phase.map(|phase| std::mem::discriminant(&phase))
        };
        let mut within = 0;
        loop {
            let before = phase();
            let metered = fixture.workspace.metered();
            let step = block_on(metered.collect(CollectBudget::default().rows(rows))).unwrap();
            let cost = metered.receipt();
            let cost = cost.rows_read + cost.rows_written + cost.nodes_read + cost.nodes_written;
            if before.is_some() && phase() == before && !step.done {
                within += 1;
                // With where it stands, and one grant with what it was made from.
                assert!(cost <= rows as u64 + 22, "{cost} of {rows}");
            }
            if step.done {
                break;
            }
        }
        assert!(within > 3, "{within} steps");
    }
}

impl Fixture {
    /// Returns how many rows of all kinds there are, but for marks.
    fn rows(&self) -> u64 {
        let mut rows = 0;
        let counted = self.meta.read(&mut |tx| {
            let usage = tx.usage()?;
            rows = usage.nodes + usage.inline_contents + usage.operations + usage.revisions;
            rows += tx.events(0, usize::MAX)?.len() as u64;
            Ok(())
        });
        counted.unwrap();
        rows
    }
}

/// > Collection keeps the newest operations of an open copy; undoing an older one is `NotFound`.
#[test]
fn old_operations_of_an_open_copy_are_deleted() {
    let fixture = Fixture::with(Options::default().inline_limit(100).keep_operations(10));
    let copy = fixture.fork();
    for n in 0..500 {
        fixture.write(At::Copy(copy), "/autosave", &format!("version {n}"));
    }
    fixture.gc();
    let operations = fixture.workspace.operations(copy, None, 999).unwrap();
    let ids: Vec<u64> = operations.iter().map(|found| found.id.get()).collect();
    assert_eq!(ids, (491..=500).collect::<Vec<_>>());
    let usage = fixture.workspace.usage().unwrap();
    assert_eq!((usage.operations, usage.inline_contents), (10, 11));
    assert_eq!(usage.nodes, 11);
    let author = Author::default();
    let undo = |n| fixture.workspace.undo(copy, OperationId::new(n), &author);
    assert_eq!(kind(undo(490)), ErrorKind::NotFound);
    undo(500).unwrap();
    assert_eq!(fixture.state(At::Copy(copy))["/autosave"], "version 498");
    fixture.fsck();
}

/// > Collection keeps the newest events; going on after one whose successors are gone, or that never was, fails with `Stale`.
#[test]
fn keeping_all_events_keeps_all() {
    for keep_events in [u64::MAX, u64::MAX - 1, u64::MAX - 5] {
        let fixture = Fixture::with(Options::default().keep_events(keep_events));
        for n in 0..5 {
            fixture.write(At::Head, "/file", &n.to_string());
        }
        fixture.gc();
        assert_eq!(fixture.workspace.events(0, 99).unwrap().len(), 5);
        assert_eq!(fixture.workspace.last_event().unwrap(), 5);
    }
}

/// Marks that no collection left there are cleared before the next one begins.
#[test]
fn a_foreign_mark_keeps_nothing_and_breaks_nothing() {
    let fixture = Fixture::new();
    fixture.write(At::Head, "/file", "1");
    let lost = fixture.workspace.tree(At::Head).unwrap();
    fixture.write(At::Head, "/file", "2");
    let mark = &mut |rows: &dyn MetaTx| rows.mark_node(&lost).map(drop);
    fixture.meta.tamper(mark).unwrap();
    let collected = fixture.gc();
    assert_eq!((collected.nodes, collected.contents), (1, 1));
    fixture.fsck();
}

/// > Upkeep says when its next step is due: at once, at a time, or not before something changes.
#[test]
fn a_clock_that_went_back_does_not_put_collection_off() {
    let fixture = Fixture::new();
    let now = fixture.time.get();
    let far = now + 1_000_000_000_000;
    fixture.time.set(far);
    fixture.write(At::Head, "/file", "1");
    fixture.write(At::Head, "/file", "2");
    fixture.time.set(now);
    let policy = Upkeep::default().idle(60_000);
    let mut steps = 0;
    loop {
        let step = block_on(fixture.workspace.upkeep(&policy)).unwrap();
        match step.next {
            NextStep::Now => steps += 1,
            NextStep::Never => break,
            NextStep::At(at) => panic!("put off until {at:?}, {far} was the event's time"),
        }
        assert!(steps < 100);
    }
    assert_eq!(fixture.workspace.usage().unwrap().nodes, 1);
    // What changes after that is collected as ever.
    fixture.write(At::Head, "/file", "3");
    let step = block_on(fixture.workspace.upkeep(&policy)).unwrap();
    let due = Timestamp::from_millis(fixture.time.get() + 60_000);
    assert!(matches!(step.next, NextStep::At(at) if at <= due));
}

/// A revision that is pruned while a collection has marked it is collected next time.
#[test]
fn what_is_pruned_beside_a_collection_goes_with_the_next() {
    for steps in 0..20 {
        let fixture = Fixture::new();
        for n in 0..4 {
            fixture.write(At::Head, "/file", &n.to_string());
            fixture
                .workspace
                .snapshot(RevisionMessage::default())
                .unwrap();
        }
        for _ in 0..steps {
            fixture.step(1);
        }
        let pruned = fixture.workspace.prune_revisions(KeepRevisions::default());
        assert_eq!(pruned.unwrap(), 3);
        fixture.gc();
        assert_eq!(fixture.workspace.usage().unwrap().nodes, 1);
    }
}
