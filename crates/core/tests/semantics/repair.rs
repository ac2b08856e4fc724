//! What a repair does, and what it leaves alone.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use futures::executor::block_on;
use futures::future::BoxFuture;
use futures::{StreamExt, stream};
use workspace_core::store::{BlobStore, ByteStream, ContentRecord, Listed, Place};
use workspace_core::{
    At, BlobKey, Change, Content, Error, ErrorKind, Options, Result, WriteOptions,
};
use workspace_testkit::MemoryBlobs;

use crate::integrity::{
    check, copy_of, fixture, id_of, key_of, large, problems, put_node, repair, tamper,
};
use crate::support::{Fixture, change, kind, path};

fn objects(fixture: &Fixture) -> usize {
    block_on(fixture.blobs.list(None, 99)).unwrap().len()
}

fn read(fixture: &Fixture, at_path: &str) -> Result<Bytes> {
    block_on(fixture.workspace.files(At::Head).read(&path(at_path)))
}

/// > A repair drops what was altered and corrects sizes, says so, and changes nothing else.
#[test]
fn a_repair() {
    let (fixture, _) = fixture();
    assert_eq!(check(&fixture, repair()).repaired, 0);
    let altered = Some(Bytes::from("y".repeat(500)));
    fixture
        .blobs
        .tamper(&key_of(&fixture, id_of(&large())), altered);
    tamper(&fixture, |rows| {
        let mut row = rows.content(&id_of("small"))?.unwrap();
        row.size = 6;
        rows.delete_content(&id_of("small"))?;
        rows.put_content(&id_of("small"), &row).map(drop)
    });
    let report = check(&fixture, repair());
    assert_eq!((report.problem_count, report.repaired), (2, 2));
    let repairs: Vec<_> = report
        .problems
        .iter()
        .filter_map(|problem| problem.repair.as_deref())
        .collect();
    assert!(
        repairs[0].contains("the size in its row was corrected"),
        "{repairs:?}"
    );
    assert!(repairs[1].contains("its row was dropped"), "{repairs:?}");
    let left = check(&fixture, repair());
    assert_eq!((left.problem_count, left.repaired), (1, 0), "{left:?}");
    assert!(left.problems[0].detail.contains("its row is missing"));
    fixture.write(At::Head, "/again", &large());
    fixture.fsck();
    fixture.gc();
    assert_eq!(block_on(fixture.blobs.list(None, 9)).unwrap().len(), 1);

    // Each kind of altered content, one by one, and the size in the row of an object.
    let damages: [&dyn Fn(&Fixture); 4] = [
        &|fixture| {
            let longer = Some(Bytes::from("x".repeat(501)));
            fixture
                .blobs
                .tamper(&key_of(fixture, id_of(&large())), longer);
        },
        &|fixture| {
            let cut = Some(Bytes::from("x".repeat(499)));
            fixture.blobs.tamper(&key_of(fixture, id_of(&large())), cut);
        },
        &|fixture| {
            tamper(fixture, |rows| {
                rows.delete_content(&id_of("small"))?;
                let row = ContentRecord {
                    size: 5,
                    place: Place::Inline(Bytes::from_static(b"SMALL")),
                };
                rows.put_content(&id_of("small"), &row).map(drop)
            });
        },
        &|fixture| {
            tamper(fixture, |rows| {
                let mut row = rows.content(&id_of(&large()))?.unwrap();
                row.size = 7;
                rows.delete_content(&id_of(&large()))?;
                rows.put_content(&id_of(&large()), &row).map(drop)
            });
        },
    ];
    for damage in damages {
        let (fixture, _) = crate::integrity::fixture();
        damage(&fixture);
        let report = check(&fixture, repair());
        assert_eq!(
            (report.problem_count, report.repaired),
            (1, 1),
            "{report:?}"
        );
        fixture.write(At::Head, "/again", &large());
        fixture.write(At::Head, "/small again", "small");
        fixture.fsck();
    }
}

/// > A repair leaves what is missing as it is, and is refused where no object is left.
#[test]
fn a_repair_leaves_what_is_missing() {
    let text = |n: usize| format!("{n:0>500}");
    let fixture = Fixture::new();
    for n in 0..3 {
        fixture.write(At::Head, &format!("/{n}"), &text(n));
    }
    let keys = [0, 1, 2].map(|n| key_of(&fixture, id_of(&text(n))));
    let away = |n: usize| fixture.blobs.tamper(&keys[n], None);
    let back = |n: usize| fixture.blobs.tamper(&keys[n], Some(text(n).into()));
    away(0);
    away(1);
    for _ in 0..2 {
        let report = check(&fixture, repair());
        assert_eq!((report.problem_count, report.repaired), (2, 0));
        assert!(report.problems[0].detail.contains("written again, heal it"));
    }
    away(2);
    let refused = block_on(fixture.workspace.fsck(repair()));
    assert_eq!(kind(refused), ErrorKind::Unavailable, "another volume");
    (0..3).for_each(back);
    fixture.fsck();
    fixture.gc();
    assert_eq!(objects(&fixture), 3);
    for n in 0..3 {
        assert_eq!(read(&fixture, &format!("/{n}")).unwrap(), text(n));
    }
    // Where nothing should be there, nothing is missing.
    let empty = Fixture::new();
    empty.write(At::Head, "/small", "small");
    assert_eq!(check(&empty, repair()).problems, []);
}

/// > A repair drops what was altered and corrects sizes, says so, and changes nothing else.
#[test]
fn an_object_with_the_right_bytes_is_kept() {
    // An entry that is wrong about its size, met before or after the right one.
    for wrong_in_head in [false, true] {
        for options in [repair(), repair().contents(false)] {
            let fixture = Fixture::new();
            fixture.write(At::Head, "/good", &large());
            let mut leaf = vec![1, 0, 1, 4];
            leaf.extend(b"good\0");
            leaf.extend(id_of(&large()).as_bytes());
            leaf.extend([0xf3, 3, 0]);
            let tree = put_node(&fixture, &leaf);
            let right = fixture.workspace.head().unwrap().tree;
            match wrong_in_head {
                false => copy_of(&fixture, tree),
                true => {
                    copy_of(&fixture, right);
                    tamper(&fixture, |rows| {
                        let mut head = rows.head()?.unwrap();
                        head.tree = tree;
                        rows.set_head(&head)
                    });
                }
            }
            let found = problems(&fixture, options);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].contains("entries disagree"), "{found:?}");
            tamper(&fixture, |rows| {
                let mut head = rows.head()?.unwrap();
                head.tree = right;
                rows.set_head(&head)
            });
            fixture.gc();
            assert_eq!(read(&fixture, "/good").unwrap(), large());
        }
    }
    // Nobody is right about its size.
    let fixture = Fixture::new();
    let reserved = fixture.workspace.reserve();
    let body: ByteStream<'_> = Box::pin(stream::iter([Ok(Bytes::from(large()))]));
    block_on(fixture.blobs.put(reserved.key(), body)).unwrap();
    let wrong = Change::Write {
        path: path("/wrong"),
        content: Content::Stored(reserved.stored(id_of(&large()), 499)),
        options: WriteOptions::default(),
    };
    change(&fixture.workspace.files(At::Head), vec![wrong]).unwrap();
    let found = problems(&fixture, repair());
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("holds 500 bytes, not 499"), "{found:?}");
    assert!(found[0].contains("was corrected"), "{found:?}");
    let found = problems(&fixture, repair());
    assert!(found[0].contains("holds 500 bytes, not 499"), "{found:?}");
    assert!(
        !found[0].contains("was corrected"),
        "it is the entry: {found:?}"
    );
    fixture.remove(At::Head, "/wrong");
    fixture.write(At::Head, "/good", &large());
    fixture.fsck();
    assert_eq!(objects(&fixture), 1);
}

/// How a blob store fails once.
#[derive(Clone, Copy)]
enum Failure {
    /// With an error of this kind.
    Error(ErrorKind),
    OtherBytes,
}

/// A blob store whose first read does not give the bytes of the object.
struct Flaky {
    blobs: MemoryBlobs,
    failure: Failure,
    failed: AtomicBool,
}

impl BlobStore for Flaky {
    fn put<'a>(&'a self, key: &'a BlobKey, body: ByteStream<'a>) -> BoxFuture<'a, Result<u64>> {
        self.blobs.put(key, body)
    }

    fn get<'a>(
        &'a self,
        key: &'a BlobKey,
        range: Range<u64>,
    ) -> BoxFuture<'a, Result<Option<ByteStream<'static>>>> {
        if range.is_empty() || self.failed.swap(true, Ordering::Relaxed) {
            return self.blobs.get(key, range);
        }
        let broken = match self.failure {
            Failure::Error(kind) => Err(Error::new(kind, "read object")),
            Failure::OtherBytes => Ok(Bytes::from(vec![b'y'; 500])),
        };
        Box::pin(async { Ok(Some(stream::iter([broken]).boxed())) })
    }

    fn delete<'a>(&'a self, keys: &'a [BlobKey]) -> BoxFuture<'a, Result<()>> {
        self.blobs.delete(keys)
    }

    fn list<'a>(
        &'a self,
        after: Option<&'a BlobKey>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Listed>>> {
        self.blobs.list(after, limit)
    }
}

#[test]
fn a_read_that_fails_once_is_no_damage() {
    for failure in [
        Failure::Error(ErrorKind::Corrupt),
        Failure::OtherBytes,
        Failure::Error(ErrorKind::Unavailable),
    ] {
        let options = Options::default().inline_limit(100);
        let fixture = Fixture::over(options, |blobs| {
            Arc::new(Flaky {
                blobs,
                failure,
                failed: AtomicBool::default(),
            })
        });
        fixture.write(At::Head, "/large", &large());
        let checked = block_on(fixture.workspace.fsck(repair()));
        match failure {
            Failure::Error(ErrorKind::Unavailable) => {
                assert_eq!(kind(checked), ErrorKind::Unavailable);
            }
            _ => assert_eq!(checked.unwrap().problems, []),
        }
        fixture.gc();
        assert_eq!(read(&fixture, "/large").unwrap(), large());
    }
}
