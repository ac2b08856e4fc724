//! The integrity check beside who works, and what it costs them.

use std::cell::Cell;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::executor::block_on;
use futures::future::{BoxFuture, join};
use futures::{StreamExt, TryStreamExt, stream};
use workspace_core::store::{BlobStore, ByteStream, ContentRecord, Listed};
use workspace_core::{
    At, BlobKey, CollectBudget, FsckOptions, FsckReport, Garbage, Options, Result, RevisionMessage,
};
use workspace_testkit::MemoryBlobs;

use crate::integrity::{check, contents, id_of, key_of, large, make, tamper};
use crate::support::{Fixture, change, pass, poll_with, write};

/// Runs a check and counts the turns of others meanwhile.
fn turns(fixture: &Fixture, options: FsckOptions) -> (usize, FsckReport) {
    let mut turns = 0;
    let check = fixture.workspace.fsck(options);
    let report = poll_with(check, |n| turns = n + 1).unwrap();
    assert_eq!(report.problems, []);
    (turns, report)
}

/// > The integrity check is right beside writers and collections: what it calls wrong is wrong.
#[test]
fn operations_that_a_collection_deletes_are_not_missing() {
    for collected_at in 0..16 {
        let fixture = Fixture::with(Options::default().keep_operations(1));
        let copy = At::Copy(fixture.fork());
        for n in 0..35 {
            fixture.write(copy, "/file", &n.to_string());
        }
        let options = FsckOptions::default().rows(10);
        let report = poll_with(fixture.workspace.fsck(options), |n| {
            if n == collected_at {
                fixture.gc();
                fixture.write(copy, "/file", "later");
                fixture.write(copy, "/file", "later still");
            }
        });
        assert_eq!(report.unwrap().problems, [], "{collected_at}");
    }
}

/// > The integrity check is right beside writers and collections: what it calls wrong is wrong.
#[test]
fn what_is_healed_meanwhile_is_not_wrong() {
    let object = |fixture: &Fixture, bytes: Option<String>| {
        let key = key_of(fixture, id_of(&large()));
        fixture.blobs.tamper(&key, bytes.map(Into::into));
    };
    let row = |fixture: &Fixture, size: u64| {
        tamper(fixture, |rows| {
            let row = rows.content(&id_of(&large()))?.unwrap();
            rows.delete_content(&id_of(&large()))?;
            let row = ContentRecord { size, ..row };
            rows.put_content(&id_of(&large()), &row).map(drop)
        });
    };
    type Damage<'a> = &'a dyn Fn(&Fixture);
    // With the turns that others have before the blob store has answered.
    let damages: [(usize, Damage); 4] = [
        (5, &|fixture| row(fixture, 501)),
        (5, &|fixture| object(fixture, Some("x".repeat(499)))),
        (6, &|fixture| object(fixture, None)),
        (15, &|fixture| object(fixture, Some("y".repeat(500)))),
    ];
    for (which, (turns, damage)) in damages.into_iter().enumerate() {
        let found = (0..20).map(|healed_at| {
            let fixture = Fixture::new();
            fixture.write(At::Head, "/large", &large());
            damage(&fixture);
            let report = poll_with(fixture.workspace.fsck(contents()), |n| {
                if n == healed_at {
                    // As a repair does.
                    tamper(&fixture, |rows| rows.delete_content(&id_of(&large())));
                    fixture.write(At::Head, "/again", &large());
                }
            });
            report.unwrap().problem_count
        });
        let expected: Vec<_> = (0..20).map(|n| u64::from(n >= turns)).collect();
        assert_eq!(found.collect::<Vec<_>>(), expected, "{which}");
    }
}

/// Others get their turn while a check goes on, also within one directory.
#[test]
fn a_large_directory_is_checked_in_steps() {
    let fixture = Fixture::new();
    let view = fixture.workspace.files(At::Head);
    let writes = (0..4000).map(|n| write(&format!("/{n}"), "x"));
    change(&view, writes.collect()).unwrap();
    let step = |rows| FsckOptions::default().rows(rows);
    let (_, report) = turns(&fixture, step(1000));
    assert!(report.nodes > 40, "{}", report.nodes);
    let (some, _) = turns(&fixture, step(10));
    assert!(some as u64 > report.nodes / 10, "{some} turns");
}

/// A directory costs the nodes that no other version of it has.
#[test]
fn each_node_is_read_once() {
    let fixture = Fixture::new();
    let view = fixture.workspace.files(At::Head);
    let writes = (0..3000).map(|n| write(&format!("/{n}"), "x"));
    change(&view, writes.collect()).unwrap();
    let copy = At::Copy(fixture.fork());
    for n in 0..200 {
        fixture.write(copy, &format!("/{n}"), &n.to_string());
    }
    let metered = fixture.workspace.metered();
    let report = block_on(metered.fsck(FsckOptions::default())).unwrap();
    assert_eq!((report.problems.len(), report.directories), (0, 201));
    let read = metered.receipt().nodes_read;
    assert!(
        read <= 2 * report.nodes,
        "{read} read, and {} there",
        report.nodes
    );
}

/// A blob store that answers at once, as a directory does.
struct Ready(MemoryBlobs);

impl BlobStore for Ready {
    fn put<'a>(&'a self, key: &'a BlobKey, body: ByteStream<'a>) -> BoxFuture<'a, Result<u64>> {
        self.0.put(key, body)
    }

    fn get<'a>(
        &'a self,
        key: &'a BlobKey,
        range: Range<u64>,
    ) -> BoxFuture<'a, Result<Option<ByteStream<'static>>>> {
        let found = block_on(async {
            let body = self.0.get(key, range).await.unwrap().unwrap();
            body.try_collect::<Vec<_>>().await.unwrap().concat()
        });
        let chunks: Vec<_> = found.chunks(1 << 18).map(Bytes::copy_from_slice).collect();
        Box::pin(async { Ok(Some(stream::iter(chunks.into_iter().map(Ok)).boxed())) })
    }

    fn delete<'a>(&'a self, keys: &'a [BlobKey]) -> BoxFuture<'a, Result<()>> {
        self.0.delete(keys)
    }

    fn list<'a>(
        &'a self,
        after: Option<&'a BlobKey>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Listed>>> {
        let listed = block_on(self.0.list(after, limit));
        Box::pin(async { listed })
    }
}

/// Others get their turn while contents are read: after about a MiB.
#[test]
fn contents_are_read_in_steps() {
    for (inline_limit, files, bytes) in [
        (1_000_000, 12, 900_000),
        (100, 1, 12_000_000),
        (100, 40, 600),
    ] {
        let options = Options::default().inline_limit(inline_limit);
        let fixture = Fixture::over(options, |blobs| Arc::new(Ready(blobs)));
        let view = fixture.workspace.files(At::Head);
        let writes =
            (0..files).map(|n| write(&format!("/{n}"), &format!("{n:x<3}").repeat(bytes / 3)));
        change(&view, writes.collect()).unwrap();
        let (before, _) = turns(&fixture, FsckOptions::default());
        let (after, report) = turns(&fixture, contents());
        assert_eq!(report.verified_bytes, (files * bytes) as u64);
        let turns = match inline_limit {
            // Rows are read in any case.
            1_000_000 => before,
            _ => after - before,
        };
        assert!(turns >= 9, "{files} of {bytes}: {turns} turns");
    }
}

/// > Upkeep discards expired copies, forgets closed ones, prunes revisions, deletes memos that are kept no longer and collects, in steps that keep to their budget.
#[test]
fn a_step_beside_a_check_keeps_to_its_budget() {
    let fixture = Fixture::new();
    for n in 0..300 {
        fixture.write(At::Head, "/file", &n.to_string());
        fixture
            .workspace
            .snapshot(RevisionMessage::default())
            .unwrap();
    }
    let done = Cell::new(false);
    let checking = fixture.workspace.metered();
    let work = async {
        // It has pinned all roots by then.
        while checking.receipt().nodes_read == 0 {
            pass().await;
        }
        let mut largest = 0;
        loop {
            let metered = fixture.workspace.metered();
            let step = metered
                .collect(CollectBudget::default().rows(10))
                .await
                .unwrap();
            let cost = metered.receipt();
            largest = largest
                .max(cost.rows_read + cost.rows_written + cost.nodes_read + cost.nodes_written);
            if step.done {
                break;
            }
        }
        assert!(!done.get(), "the check has not ended");
        largest
    };
    let checks = async {
        let options = FsckOptions::default().rows(100);
        let report = checking.fsck(options).await.unwrap();
        done.set(true);
        assert_eq!(report.problems, []);
    };
    let (largest, ()) = block_on(join(work, checks));
    assert!(largest <= 10 + 20, "{largest} rows");
}

#[test]
fn events_that_come_meanwhile_are_read_in_steps() {
    let fixture = Fixture::new();
    fixture
        .workspace
        .snapshot(RevisionMessage::default())
        .unwrap();
    for told_at in 0..6 {
        let metered = fixture.workspace.metered();
        let options = FsckOptions::default().rows(10);
        let (largest, before) = (Cell::new(0), Cell::new(metered.receipt()));
        let report = poll_with(metered.fsck(options), |n| {
            let read = (metered.receipt() - before.get()).rows_read;
            largest.set(largest.get().max(read));
            before.set(metered.receipt());
            if n == told_at {
                for text in 0..100 {
                    fixture.write(At::Head, "/file", &text.to_string());
                }
            }
        });
        assert_eq!(report.unwrap().problems, []);
        assert!(largest.get() < 50, "{} rows in a step", largest.get());
    }
}

/// What is written while a check holds the trees of before is collected in the end.
#[test]
fn a_collection_beside_a_check_ends() {
    let fixture = Fixture::new();
    for n in 0..40 {
        fixture.write(At::Head, &format!("/{n}"), &n.to_string());
    }
    let work = async {
        for n in 0..40 {
            let text = format!("{n} again");
            make(&fixture, At::Head, write(&format!("/{n}"), &text)).await;
            fixture.workspace.gc(|_| {}).await.unwrap();
            pass().await;
        }
    };
    let checks = async {
        for rows in [1, 3, 1000] {
            let options = contents().rows(rows);
            let report = fixture.workspace.fsck(options).await.unwrap();
            assert_eq!(report.problems, []);
        }
    };
    block_on(join(work, checks));
    fixture.gc();
    let report = check(&fixture, contents());
    assert_eq!(report.problems, []);
    assert_eq!(report.garbage, Garbage::default());
}

/// A step of the check looks at a thousand rows of contents, or at a MiB of their bytes.
#[test]
fn a_step_of_the_check_is_neither_small_nor_large() {
    let turns = |fixture: &Fixture| turns(fixture, contents()).0;
    let few = Fixture::with(Options::default().inline_limit(1_000_000));
    let none = turns(&few);
    let files = few.workspace.files(At::Head);
    let writes = (0..500).map(|n| write(&format!("/{n}"), &n.to_string()));
    change(&files, writes.collect()).unwrap();
    let small = turns(&few);
    assert!(small < none + 10, "{none}, then {small} turns");
    for n in 0..8 {
        few.write(At::Head, "/large", &n.to_string().repeat(1_000_000));
        few.workspace
            .snapshot(n.to_string().as_str().into())
            .unwrap();
    }
    let large = turns(&few);
    // Two of them are more than a MiB.
    assert!(large >= small + 3, "{small}, then {large} turns");
}
