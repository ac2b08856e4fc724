//! Contents on their way: held while they are read, missing for one reason or another.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::executor::block_on;
use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _, stream};
use workspace_core::store::{BlobStore, ByteStream, ContentRecord, Listed, Place};
use workspace_core::{
    At, Author, BlobKey, Change, ChangeOptions, CollectBudget, Content, ContentId, Entry,
    ErrorKind, File, FsckOptions, Options, Result, RevisionMessage,
};
use workspace_testkit::MemoryBlobs;

use crate::support::{Fixture, kind, path};

fn file(fixture: &Fixture, at: &str) -> File {
    let entry = fixture.workspace.files(At::Head).stat(&path(at)).unwrap();
    let Some(Entry::File(file)) = entry else {
        panic!("{at} is {entry:?}");
    };
    file
}

fn objects(fixture: &Fixture) -> usize {
    block_on(fixture.blobs.list(None, 99)).unwrap().len()
}

/// A body that has come to its end holds nothing any more, though it is still there.
#[test]
fn a_body_that_has_ended_holds_no_object() {
    let fixture = Fixture::new();
    fixture.write(At::Head, "/large", &"x".repeat(500));
    let view = fixture.workspace.files(At::Head);
    let mut opened = block_on(view.open(&path("/large"), None)).unwrap();
    fixture.remove(At::Head, "/large");
    fixture.gc();
    assert_eq!(objects(&fixture), 1, "it is being read");
    while let Some(chunk) = block_on(opened.body.next()) {
        chunk.unwrap();
    }
    fixture.gc();
    assert_eq!(objects(&fixture), 0);
    assert!(block_on(opened.body.next()).is_none());
}

/// What is stored and not yet part of a change is nobody's garbage.
#[test]
fn an_object_in_flight_is_no_garbage() {
    let fixture = Fixture::new();
    let body = stream::iter([Ok(Bytes::from("x".repeat(500)))]).boxed();
    let stored = block_on(fixture.workspace.store(body)).unwrap();
    let garbage = || {
        let report = block_on(fixture.workspace.fsck(FsckOptions::default()));
        report.unwrap().garbage.objects
    };
    assert_eq!(garbage(), 0);
    drop(stored);
    assert_eq!(garbage(), 1);
}

/// A content without a row is lost, unless contents were collected since the workspace was
/// opened: then perhaps its entry is old.
#[test]
fn a_content_is_lost_where_none_was_collected() {
    for collected in [false, true] {
        let fixture = Fixture::new();
        for text in ["one", "two"] {
            fixture.write(At::Head, "/a", text);
            fixture
                .workspace
                .snapshot(RevisionMessage::default())
                .unwrap();
        }
        let copy = fixture.fork();
        if collected {
            fixture.write(At::Copy(copy), "/b", "three");
        }
        fixture.workspace.discard(copy).unwrap();
        fixture.gc();
        let file = file(&fixture, "/a");
        let id = file.content;
        fixture
            .meta
            .tamper(&mut |tx| tx.delete_content(&id))
            .unwrap();
        let read = block_on(fixture.workspace.read_entry(&file));
        let expected = match collected {
            true => ErrorKind::Stale,
            false => ErrorKind::Corrupt,
        };
        assert_eq!(kind(read), expected);
        let read = block_on(fixture.workspace.files(At::Head).read(&path("/a")));
        assert_eq!(kind(read), ErrorKind::Corrupt, "it is looked up just now");
    }
}

/// Reading without waiting compares the bytes as well.
#[test]
fn a_content_in_a_row_that_was_altered_is_corrupt_at_once() {
    let fixture = Fixture::new();
    fixture.write(At::Head, "/a", "right");
    let view = fixture.workspace.files(At::Head);
    assert_eq!(view.read_now("/a").unwrap(), "right");
    let tampered = fixture.meta.tamper(&mut |tx| {
        let id = ContentId::of(b"right");
        tx.delete_content(&id)?;
        let record = ContentRecord {
            size: 5,
            place: Place::Inline(Bytes::from_static(b"wrong")),
        };
        tx.put_content(&id, &record).map(drop)
    });
    tampered.unwrap();
    assert_eq!(kind(view.read_now("/a")), ErrorKind::Corrupt);
}

/// A collection keeps as many operations as it is told, in steps of any size.
#[test]
fn the_newest_operations_are_kept_in_steps_of_any_size() {
    for rows in [1, 2, 5, 9, 10, 11, 100] {
        for keep in [1, 3, 12] {
            let options = Options::default().inline_limit(100).keep_operations(keep);
            let fixture = Fixture::with(options);
            let copy = fixture.fork();
            for n in 0..12 {
                fixture.write(At::Copy(copy), "/a", &n.to_string());
            }
            let budget = CollectBudget::default().rows(rows);
            while !block_on(fixture.workspace.collect(budget)).unwrap().done {}
            let kept = fixture.workspace.operations(copy, None, 99).unwrap();
            let numbers: Vec<u64> = kept.iter().map(|kept| kept.id.get()).collect();
            let expected: Vec<u64> = (13 - keep..13).collect();
            assert_eq!(numbers, expected, "{keep} of 12, in steps of {rows}");
            fixture.fsck();
            let undone = fixture.workspace.undo(copy, kept[0].id, &Author::default());
            assert_eq!(undone.is_ok(), keep == 1, "others came later");
        }
    }
}

/// What is stored already stays where it is, in a row and in an object, and costs nothing.
#[test]
fn the_same_bytes_stay_where_they_are() {
    for size in [5, 500] {
        let fixture = Fixture::new();
        let text = "x".repeat(size);
        fixture.write(At::Head, "/one", &text);
        let id = ContentId::of(text.as_bytes());
        let stored = |fixture: &Fixture| crate::integrity::rows(fixture, |rows| rows.content(&id));
        let before = stored(&fixture).unwrap();
        let write = |at: &str, ahead: bool| {
            let content = match ahead {
                true => {
                    let body = stream::iter([Ok(Bytes::from(text.clone()))]).boxed();
                    Content::Stored(block_on(fixture.workspace.store(body)).unwrap())
                }
                false => Content::from(text.as_str()),
            };
            let metered = fixture.workspace.metered();
            let change = Change::write(at, content).unwrap();
            let head = metered.files(At::Head);
            block_on(head.change(vec![change], ChangeOptions::default())).unwrap();
            metered.receipt().rows_written
        };
        assert_eq!(write("/two", false), 2, "head and its event");
        assert_eq!(write("/three", true), 2);
        assert_eq!(stored(&fixture).unwrap(), before);
        assert_eq!(objects(&fixture), usize::from(size > 100));
        fixture.fsck();
    }
}

/// A store whose objects are all lost but for an empty chunk.
struct Hollow(MemoryBlobs);

impl BlobStore for Hollow {
    fn put<'a>(&'a self, key: &'a BlobKey, body: ByteStream<'a>) -> BoxFuture<'a, Result<u64>> {
        self.0.put(key, body)
    }

    fn get<'a>(
        &'a self,
        _key: &'a BlobKey,
        _range: Range<u64>,
    ) -> BoxFuture<'a, Result<Option<ByteStream<'static>>>> {
        let body: ByteStream<'static> = stream::iter([Ok(Bytes::new())]).boxed();
        async { Ok(Some(body)) }.boxed()
    }

    fn delete<'a>(&'a self, keys: &'a [BlobKey]) -> BoxFuture<'a, Result<()>> {
        self.0.delete(keys)
    }

    fn list<'a>(
        &'a self,
        after: Option<&'a BlobKey>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Listed>>> {
        self.0.list(after, limit)
    }
}

/// An object whose last byte does not come is lost, whatever comes in its place.
#[test]
fn an_object_without_its_last_byte_gives_way() {
    let options = Options::default().inline_limit(100);
    let fixture = Fixture::over(options, |blobs| Arc::new(Hollow(blobs)));
    let text = "x".repeat(500);
    let key = |fixture: &Fixture| {
        let id = ContentId::of(text.as_bytes());
        crate::integrity::key_of(fixture, id)
    };
    fixture.write(At::Head, "/one", &text);
    let old = key(&fixture);
    fixture.write(At::Head, "/two", &text);
    assert_ne!(key(&fixture), old, "what was stored last is there");
    assert_eq!(objects(&fixture), 1);
}
