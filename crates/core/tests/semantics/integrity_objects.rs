//! The integrity check over objects: which are missing, which are nobody's, what it reads.

use bytes::Bytes;
use futures::executor::block_on;
use workspace_core::store::{BlobStore as _, Place};
use workspace_core::{At, BlobKey, ContentId, FsckOptions, FsckReport, Receipt};

use crate::support::Fixture;

fn text(n: usize) -> String {
    format!("{n}").repeat(300 + n)
}

/// Four files in objects, one in a row.
fn fixture() -> (Fixture, Vec<(BlobKey, ContentId)>) {
    let fixture = Fixture::new();
    fixture.write(At::Head, "/small", "small");
    let objects = (0..4).map(|n| {
        fixture.write(At::Head, &format!("/{n}"), &text(n));
        let id = ContentId::of(text(n).as_bytes());
        let mut place = None;
        let read = fixture.meta.tamper(&mut |tx| {
            place = tx.content(&id)?.map(|content| content.place);
            Ok(())
        });
        read.unwrap();
        let Some(Place::Object(key)) = place else {
            panic!("not in an object");
        };
        (key, id)
    });
    let mut objects: Vec<_> = objects.collect();
    objects.sort_by(|one, other| one.0.cmp(&other.0));
    (fixture, objects)
}

fn check(fixture: &Fixture, options: FsckOptions) -> (FsckReport, Receipt) {
    let handle = fixture.workspace.metered();
    let report = block_on(handle.fsck(options)).unwrap();
    (report, handle.receipt())
}

/// Whichever objects are missing, those are told and no others, and each is asked for once
/// more; whichever are nobody's, as many are counted.
#[test]
fn just_the_objects_that_are_missing_are_told() {
    for missing in 0..16_usize {
        for orphans in 0..3 {
            for rows in [1, 2, 1000] {
                let (fixture, objects) = fixture();
                let gone = |n: &usize| missing & (1 << n) != 0;
                for n in (0..4).filter(gone) {
                    fixture.blobs.tamper(&objects[n].0, None);
                }
                for orphan in ["0rphan", "zrphan"].into_iter().take(orphans) {
                    let body = Box::pin(futures::stream::iter([Ok(Bytes::from_static(b"x"))]));
                    let key = orphan.parse().unwrap();
                    block_on(fixture.blobs.put(&key, body)).unwrap();
                }
                let options = FsckOptions::default().rows(rows);
                let (report, receipt) = check(&fixture, options);
                let mut told: Vec<String> = report
                    .problems
                    .iter()
                    .map(|problem| problem.subject.clone())
                    .collect();
                told.sort();
                let mut expected: Vec<String> = (0..4)
                    .filter(gone)
                    .map(|n| format!("content {}", objects[n].1))
                    .collect();
                expected.sort();
                assert_eq!(told, expected, "missing {missing:04b}");
                assert_eq!(report.garbage.objects, orphans as u64);
                let there = 4 - expected.len() + orphans;
                assert_eq!(report.objects, there as u64);
                // A page more than are full.
                let calls = there / rows + 1 + expected.len();
                assert_eq!(receipt.blob_calls, calls as u64, "missing {missing:04b}");
            }
        }
    }
}

/// What is compared is counted, in bytes, and read once.
#[test]
fn contents_that_are_compared_are_counted() {
    let (fixture, objects) = fixture();
    let bytes: usize = (0..4).map(|n| text(n).len()).sum();
    let (report, receipt) = check(&fixture, FsckOptions::default());
    assert_eq!((report.verified_bytes, receipt.blob_calls), (0, 1));
    let (report, receipt) = check(&fixture, FsckOptions::default().contents(true));
    assert_eq!(report.verified_bytes, bytes as u64 + 5);
    assert_eq!(receipt.blob_calls, 1 + 4);
    assert_eq!((report.contents, report.objects), (5, 4));
    assert_eq!(report.problems, []);

    // One that is altered is no more verified than one that is missing.
    let altered = Bytes::from("y".repeat(text(0).len()));
    let first = objects
        .iter()
        .find(|(_, id)| *id == ContentId::of(text(0).as_bytes()));
    fixture.blobs.tamper(&first.unwrap().0, Some(altered));
    let (report, _) = check(&fixture, FsckOptions::default().contents(true));
    assert_eq!(report.problem_count, 1);
    assert_eq!(report.verified_bytes, (bytes - text(0).len()) as u64 + 5);
}
