use bytes::Bytes;
use futures::executor::block_on;
use workspace_core::store::{BlobStore, MetaStore, Place};
use workspace_core::{
    At, Author, CollectBudget, ContentId, ErrorKind, KeepRevisions, OperationId, RevisionMessage,
    TreePath,
};

use crate::support::{Fixture, change, kind, path, write};

/// > Collection deletes what nothing refers to, and nothing else.
#[test]
fn collection_deletes_what_nothing_refers_to() {
    let fixture = Fixture::new();
    let large = |n: u8| n.to_string().repeat(500);
    fixture.write(At::Head, "/d/keep", &large(1));
    fixture
        .workspace
        .snapshot(RevisionMessage::default())
        .unwrap();
    fixture.write(At::Head, "/d/pruned", &large(2));
    fixture
        .workspace
        .snapshot(RevisionMessage::default())
        .unwrap();
    fixture.remove(At::Head, "/d/pruned");
    let (open, discarded) = (fixture.fork(), fixture.fork());
    fixture.write(At::Copy(open), "/open", &large(3));
    fixture.write(At::Copy(open), "/open", &large(4));
    fixture.write(At::Copy(discarded), "/discarded", &large(5));
    fixture.workspace.discard(discarded).unwrap();
    fixture
        .workspace
        .snapshot(RevisionMessage::default())
        .unwrap();
    assert_eq!(fixture.gc().contents, 1, "the discarded copy's");
    fixture
        .workspace
        .prune_revisions(KeepRevisions::default())
        .unwrap();
    let collected = fixture.gc();
    assert_eq!(
        (collected.contents, collected.objects),
        (1, 1),
        "the pruned revision's"
    );
    assert_eq!(fixture.workspace.usage().unwrap().object_contents, 3);
    fixture.fsck();
    fixture
        .workspace
        .undo(open, OperationId::new(2), &Author::default())
        .unwrap();
    assert_eq!(
        fixture.state(At::Copy(open))["/open"],
        large(3),
        "operations are kept whole"
    );
    let orphan = "0rphan".parse().unwrap();
    let body = Box::pin(futures::stream::iter([Ok(Bytes::from_static(b"x"))]));
    block_on(fixture.blobs.put(&orphan, body)).unwrap();
    assert_eq!(fixture.gc().objects, 1);
    assert!(
        block_on(fixture.blobs.get(&orphan, 0..1))
            .unwrap()
            .is_none()
    );
    fixture.fsck();
}

/// > Collection in steps is safe against writers at work.
#[test]
fn collection_is_safe_against_writers() {
    for budget in [1, 2, 3, 7, 50] {
        let fixture = Fixture::new();
        let copy = At::Copy(fixture.fork());
        let mut completed = 0;
        let mut late = None;
        for round in 0..60 {
            // The smallest steps are many between two writes, or never come to an end.
            for _ in 0..1 + 100 / budget {
                let step = fixture
                    .workspace
                    .collect(CollectBudget::default().rows(budget));
                completed += usize::from(block_on(step).unwrap().done);
            }
            // Old and new contents come back and go, at head and in the copy.
            let text = format!("{}", (round * 7) % 5).repeat(1 + 200 * (round % 2));
            fixture.write(copy, &format!("/{}/{}", round % 3, round % 4), &text);
            if round % 3 == 0 {
                fixture.write(At::Head, "/head", &text);
                fixture.remove(copy, &format!("/{}", round % 3));
            }
            if round % 5 == 0 {
                fixture
                    .workspace
                    .snapshot(RevisionMessage::default())
                    .unwrap();
                fixture
                    .workspace
                    .prune_revisions(KeepRevisions::default())
                    .unwrap();
            }
            if round % 4 == 0 {
                // Stored before a step and referred to after it.
                let body = Bytes::from(vec![b'l'; 300 + round]);
                let body = Box::pin(futures::stream::iter([Ok(body)]));
                late = Some(block_on(fixture.workspace.store(body)).unwrap());
            } else if let Some(stored) = late.take() {
                let content = workspace_core::Content::Stored(stored);
                let path = path("/late");
                let options = workspace_core::WriteOptions::default();
                let write = workspace_core::Change::Write {
                    path,
                    content,
                    options,
                };
                change(&fixture.workspace.files(copy), vec![write]).unwrap();
            }
            fixture.fsck();
        }
        assert!(
            completed >= 2,
            "{completed} collections in steps of {budget}"
        );
        drop(late);
        fixture.gc();
        fixture.fsck();
    }
}

/// > A walk under way keeps its tree from being collected.
#[test]
fn a_walk_keeps_its_tree() {
    let fixture = Fixture::with(
        workspace_core::Options::default()
            .node_cache(0)
            .inline_limit(10),
    );
    let files = fixture.workspace.files(At::Head);
    let writes = (0..900).map(|n| write(&format!("/{}/{n}", n / 100), "some content"));
    change(&files, writes.collect()).unwrap();
    let mut walk = files.walk(&TreePath::root()).unwrap();
    walk.next().unwrap().unwrap();
    for n in 0..9 {
        fixture.remove(At::Head, &format!("/{n}"));
    }
    fixture.gc();
    let rest = walk.collect::<workspace_core::Result<Vec<_>>>().unwrap();
    assert_eq!(rest.len(), 908, "most of them read after the collection");
    assert_eq!(fixture.workspace.usage().unwrap().inline_contents, 0);
    fixture.gc();
    let usage = fixture.workspace.usage().unwrap();
    assert_eq!((usage.nodes, usage.object_contents), (0, 0));
}

/// > A content that is missing or altered is `Corrupt`, never `NotFound`.
#[test]
fn missing_content_is_corrupt() {
    let fixture = Fixture::new();
    let text = "x".repeat(500);
    fixture.write(At::Head, "/large", &text);
    fixture.write(At::Head, "/small", "small");
    let id = ContentId::of(text.as_bytes());
    let files = fixture.workspace.files(At::Head);
    // That others were collected does not make it a doubt.
    fixture.write(At::Head, "/gone", "gone");
    fixture.remove(At::Head, "/gone");
    assert_eq!(fixture.gc().contents, 1);
    let key = object_of(&fixture, id);
    for altered in [Some("y".repeat(500)), Some("x".repeat(499)), None] {
        fixture.blobs.tamper(&key, altered.map(Bytes::from));
        assert_eq!(
            kind(block_on(files.read(&path("/large")))),
            ErrorKind::Corrupt
        );
    }
    fixture
        .meta
        .tamper(&mut |rows| rows.delete_content(&ContentId::of(b"small")))
        .unwrap();
    assert_eq!(
        kind(block_on(files.read(&path("/small")))),
        ErrorKind::Corrupt
    );
    assert_eq!(kind(files.read_now("/small")), ErrorKind::Corrupt);
}

fn object_of(fixture: &Fixture, id: ContentId) -> workspace_core::BlobKey {
    let mut key = None;
    let found = fixture.meta.read(&mut |rows| {
        if let Some(Place::Object(found)) = rows.content(&id)?.map(|content| content.place) {
            key = Some(found);
        }
        Ok(())
    });
    found.unwrap();
    key.unwrap()
}

/// > A node that is missing or altered is `Corrupt`, for reads and for writes that go through it.
#[test]
fn an_altered_node_is_not_written_back() {
    let fixture = Fixture::new();
    fixture.write(At::Head, "/d/a", "1");
    fixture.write(At::Head, "/d/b", "2");
    let files = fixture.workspace.files(At::Head);
    let entry = files.stat(&path("/d")).unwrap().unwrap();
    let node = entry.as_directory().unwrap().tree;
    let mut bytes = None;
    let read = &mut |rows: &dyn workspace_core::store::MetaTx| {
        bytes = rows.node(&node)?;
        Ok(())
    };
    fixture.meta.read(read).unwrap();
    // Makes /d/a executable: version, level, count, length, name, tag.
    let mut altered = bytes.unwrap().to_vec();
    altered[5] |= 4;
    for stored in [Some(altered), None] {
        let damage = &mut |rows: &dyn workspace_core::store::MetaTx| {
            rows.delete_node(&node)?;
            let put = |bytes: &Vec<u8>| rows.put_node(&node, bytes).map(|_| ());
            stored.as_ref().map_or(Ok(()), put)
        };
        fixture.meta.tamper(damage).unwrap();
        let workspace = fixture.reopen(workspace_core::Options::default());
        let (files, before) = (workspace.files(At::Head), workspace.head().unwrap());
        assert_eq!(kind(files.stat(&path("/d/a"))), ErrorKind::Corrupt);
        assert_eq!(kind(files.list(&path("/d"), None, 9)), ErrorKind::Corrupt);
        let write = vec![crate::support::write("/d/b", "3")];
        let error = change(&files, write).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert_eq!(error.subject(), Some(&*node.to_string()));
        assert_eq!(workspace.head().unwrap(), before);
    }
}

/// What a content was stored as may be gone by the time that the content is used.
#[test]
fn bytes_that_vanish_meanwhile_are_not_relied_on() {
    let large = "x".repeat(500);
    let id = ContentId::of(large.as_bytes());
    let body = || Box::pin(futures::stream::iter([Ok(Bytes::from("x".repeat(500)))]));
    let store = |fixture: &Fixture| block_on(fixture.workspace.store(body())).unwrap();
    let reserve = |fixture: &Fixture| {
        let reserved = fixture.workspace.reserve();
        let put = fixture.blobs.put(reserved.key(), body());
        assert_eq!(block_on(put).unwrap(), 500);
        reserved.stored(id, 500)
    };
    let stores: [&dyn Fn(&Fixture) -> workspace_core::Stored; 2] = [&store, &reserve];
    for store in stores {
        for at_once in [false, true] {
            let fixture = Fixture::new();
            let head = fixture.workspace.files(At::Head);
            fixture.write(At::Head, "/large", &large);
            let stored = store(&fixture);
            fixture.blobs.tamper(&object_of(&fixture, id), None);
            let content = workspace_core::Content::Stored(stored);
            match at_once {
                true => head.write_now("/again", content),
                false => block_on(head.write("/again", content)),
            }
            .unwrap();
            fixture.gc();
            for name in ["/large", "/again"] {
                let read = block_on(head.read(&path(name))).unwrap();
                assert_eq!(read, large.as_bytes(), "{name}, at once: {at_once}");
            }
        }
    }
}

#[test]
fn a_collection_deletes_nothing_by_an_altered_node() {
    let fixture = Fixture::new();
    let large = "x".repeat(500);
    fixture.write(At::Head, "/large", &large);
    let tree = fixture.workspace.tree(At::Head).unwrap();
    let id = ContentId::of(large.as_bytes());
    let put = |alter: bool| {
        let mut rewrite = |rows: &dyn workspace_core::store::MetaTx| {
            let node = rows.node(&tree)?.unwrap();
            let mut bytes = node.to_vec();
            if alter {
                let at = bytes
                    .windows(32)
                    .position(|it| it == id.as_bytes())
                    .unwrap();
                bytes[at] ^= 1;
            } else {
                let mut altered = *id.as_bytes();
                altered[0] ^= 1;
                let at = bytes.windows(32).position(|it| it == altered).unwrap();
                bytes[at] ^= 1;
            }
            rows.delete_node(&tree)?;
            rows.put_node(&tree, &bytes).map(drop)
        };
        fixture.meta.tamper(&mut rewrite).unwrap();
    };
    put(true);
    assert_eq!(
        kind(block_on(fixture.workspace.gc(|_| {}))),
        ErrorKind::Corrupt
    );
    put(false);
    let read = block_on(fixture.workspace.files(At::Head).read(&path("/large")));
    assert_eq!(read.unwrap(), large.as_bytes());
}

#[test]
fn a_range_outside_a_file_is_invalid() {
    let fixture = Fixture::new();
    for size in [10, 500] {
        fixture.write(At::Head, "/x", &"x".repeat(size));
        let entry = fixture.workspace.files(At::Head).stat(&path("/x")).unwrap();
        let Some(workspace_core::Entry::File(file)) = entry else {
            panic!("{entry:?}")
        };
        let size = size as u64;
        #[expect(clippy::reversed_empty_ranges, reason = "that is the case")]
        for range in [6..2, 0..size + 1, size + 1..size + 1, u64::MAX..u64::MAX] {
            let opened = block_on(fixture.workspace.open_entry(&file, range.clone()));
            let error = opened.err().unwrap();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{range:?}");
        }
        let opened = block_on(fixture.workspace.open_entry(&file, size..size));
        assert!(opened.is_ok());

        // Through a view, a range is clamped, and only one that ends before it starts is
        // refused.
        let view = fixture.workspace.files(At::Head);
        let open = |range| block_on(view.open(&path("/x"), Some(range)));
        #[expect(clippy::reversed_empty_ranges, reason = "that is the case")]
        let reversed = open(6..2);
        assert_eq!(reversed.err().unwrap().kind(), ErrorKind::Invalid);
        for (range, clamped) in [
            (2..2, 2..2),
            (3..size + 9, 3..size),
            (size + 1..size + 1, size..size),
        ] {
            assert_eq!(open(range).unwrap().range, clamped);
        }
    }
}
