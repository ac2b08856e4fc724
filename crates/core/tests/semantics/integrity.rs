//! The integrity check, repair, and contents beside collections.

use bytes::Bytes;
use futures::executor::block_on;
use futures::future::join;
use sha2::{Digest, Sha256};
use workspace_core::store::{
    AppliedAs, BlobStore, ContentRecord, CopyState, MetaStore, MetaTx, OperationRecord, Place,
    RevisionCause,
};
use workspace_core::{
    At, BlobKey, Change, ContentId, CopyId, ErrorKind, ForkOptions, FsckOptions, FsckReport,
    ImportOptions, KeepRevisions, NextStep, OperationId, Result, RevisionId, RevisionMessage,
    TreeId, Upkeep,
};

use crate::support::{Entries, Fixture, change, kind, pass, path, source_file, write};

pub(crate) fn contents() -> FsckOptions {
    FsckOptions::default().contents(true)
}

pub(crate) fn repair() -> FsckOptions {
    contents().repair(true)
}

pub(crate) fn check(fixture: &Fixture, options: FsckOptions) -> FsckReport {
    block_on(fixture.workspace.fsck(options)).unwrap()
}

pub(crate) fn problems(fixture: &Fixture, options: FsckOptions) -> Vec<String> {
    let report = check(fixture, options);
    assert_eq!(report.problems.len() as u64, report.problem_count);
    report.problems.iter().map(ToString::to_string).collect()
}

pub(crate) fn large() -> String {
    "x".repeat(500)
}

pub(crate) fn id_of(text: &str) -> ContentId {
    ContentId::of(text.as_bytes())
}

/// Reads rows of the store below the workspace.
pub(crate) fn rows<T>(fixture: &Fixture, read: impl Fn(&dyn MetaTx) -> Result<T>) -> T {
    let mut found = None;
    let body = &mut |rows: &dyn MetaTx| {
        found = Some(read(rows)?);
        Ok(())
    };
    fixture.meta.read(body).unwrap();
    found.unwrap()
}

pub(crate) fn tamper(fixture: &Fixture, mut damage: impl FnMut(&dyn MetaTx) -> Result<()>) {
    fixture.meta.tamper(&mut damage).unwrap();
}

pub(crate) fn key_of(fixture: &Fixture, id: ContentId) -> BlobKey {
    match rows(fixture, |rows| rows.content(&id)).unwrap().place {
        Place::Object(key) => key,
        place => panic!("{place:?}"),
    }
}

pub(crate) async fn make(fixture: &Fixture, at: At, change: Change) {
    let view = fixture.workspace.files(at);
    let made = view.change(vec![change], workspace_core::ChangeOptions::default());
    made.await.unwrap();
}

/// Stores a node as it is, under its right id.
pub(crate) fn put_node(fixture: &Fixture, encoded: &[u8]) -> TreeId {
    let mut hash = Sha256::new();
    hash.update(b"workspace tree\0");
    hash.update(encoded);
    let id = TreeId::from_bytes(hash.finalize().into());
    tamper(fixture, |rows| rows.put_node(&id, encoded).map(drop));
    id
}

pub(crate) fn node(fixture: &Fixture, id: TreeId) -> Vec<u8> {
    rows(fixture, |rows| rows.node(&id)).unwrap().to_vec()
}

/// Makes a copy whose files are the tree, as it is.
pub(crate) fn copy_of(fixture: &Fixture, tree: TreeId) {
    let id = fixture.fork();
    tamper(fixture, |rows| {
        let mut copy = rows.copy(&id)?.unwrap();
        (copy.base, copy.tree) = (tree, tree);
        rows.put_copy(&copy)
    });
}

/// Head with `/d/large` and `/d/small`, three revisions, a copy of two operations.
pub(crate) fn fixture() -> (Fixture, CopyId) {
    let fixture = Fixture::new();
    for n in 0..3 {
        fixture.write(At::Head, "/n", &n.to_string());
        fixture.write(At::Head, "/d/large", &large());
        fixture.write(At::Head, "/d/small", "small");
        fixture
            .workspace
            .snapshot(RevisionMessage::default())
            .unwrap();
    }
    let copy = fixture.fork();
    for n in 0..4 {
        fixture.write(At::Copy(copy), "/in the copy", &n.to_string());
    }
    fixture.fsck();
    (fixture, copy)
}

/// Asserts that a check finds what `damage` did, and nothing else.
#[track_caller]
fn finds(options: FsckOptions, expected: &str, damage: impl Fn(&Fixture, CopyId)) {
    let (fixture, copy) = fixture();
    damage(&fixture, copy);
    let found = problems(&fixture, options);
    assert_eq!(found.len(), 1, "{expected}: {found:?}");
    assert!(found[0].contains(expected), "{expected}: {found:?}");
    assert_eq!(problems(&fixture, options), found, "it changes nothing");
}

/// > The integrity check finds a missing node, an altered node, a missing content and an altered content.
#[test]
fn the_check_finds_what_is_gone_or_altered() {
    let default = FsckOptions::default();
    let root = |fixture: &Fixture| fixture.workspace.head().unwrap().tree;
    let first = |fixture: &Fixture| {
        let first = fixture.workspace.revision(RevisionId::new(1)).unwrap();
        first.tree
    };
    finds(default, "it is missing", |fixture, _| {
        let tree = first(fixture);
        tamper(fixture, |rows| rows.delete_node(&tree));
    });
    finds(default, "not those that were stored", |fixture, _| {
        let tree = first(fixture);
        let other = node(fixture, root(fixture));
        tamper(fixture, |rows| {
            rows.delete_node(&tree)?;
            rows.put_node(&tree, &other).map(drop)
        });
    });
    finds(default, "does not decode", |fixture, _| {
        let tree = put_node(fixture, b"\x01\0\x01");
        copy_of(fixture, tree);
    });
    finds(default, "its row is missing", |fixture, _| {
        tamper(fixture, |rows| rows.delete_content(&id_of("small")));
    });
    // Without reading any content.
    finds(default, "its object is missing", |fixture, _| {
        fixture
            .blobs
            .tamper(&key_of(fixture, id_of(&large())), None);
    });
    finds(default, "holds 499 bytes, not 500", |fixture, _| {
        let cut = Some(Bytes::from("x".repeat(499)));
        fixture.blobs.tamper(&key_of(fixture, id_of(&large())), cut);
    });
    let alter = |fixture: &Fixture, _| {
        let altered = Some(Bytes::from("y".repeat(500)));
        let key = key_of(fixture, id_of(&large()));
        fixture.blobs.tamper(&key, altered);
    };
    finds(contents(), "not those that were stored", alter);
    let (fixture, copy) = fixture();
    alter(&fixture, copy);
    assert_eq!(problems(&fixture, default), [""; 0], "it reads no bytes");
    finds(contents(), "not those that were stored", |fixture, _| {
        let (id, size) = (id_of("small"), 5);
        let place = Place::Inline(Bytes::from_static(b"SMALL"));
        tamper(fixture, |rows| {
            rows.delete_content(&id)?;
            let row = ContentRecord {
                size,
                place: place.clone(),
            };
            rows.put_content(&id, &row).map(drop)
        });
    });
    finds(default, "its row holds 3 bytes, not 5", |fixture, _| {
        let place = Place::Inline(Bytes::from_static(b"sma"));
        tamper(fixture, |rows| {
            rows.delete_content(&id_of("small"))?;
            let row = ContentRecord {
                size: 5,
                place: place.clone(),
            };
            rows.put_content(&id_of("small"), &row).map(drop)
        });
    });
}

/// > The integrity check compares totals with what they count, cuts with where they should be, and sizes with one another.
#[test]
fn the_check_compares_totals_cuts_and_sizes() {
    let default = FsckOptions::default();
    // What follows the id of a directory: files, directories, bytes and the longest path.
    let totals = |encoded: &[u8], directory: TreeId| {
        let id = directory.as_bytes();
        let at = encoded.windows(32).position(|window| window == id);
        at.unwrap() + 32
    };
    let d = |fixture: &Fixture| {
        let found = fixture.workspace.files(At::Head).stat(&path("/d"));
        found.unwrap().unwrap().as_directory().unwrap().tree
    };
    // Head states the right ones, a copy wrong ones; the other way round; both wrong.
    for wrong_first in [false, true] {
        finds(default, "its totals are wrong", |fixture, copy| {
            let root = fixture.workspace.head().unwrap().tree;
            let mut encoded = node(fixture, root);
            let at = totals(&encoded, d(fixture));
            assert_eq!(encoded[at], 2, "files");
            encoded[at] = 3;
            let tree = put_node(fixture, &encoded);
            match wrong_first {
                false => copy_of(fixture, tree),
                true => tamper(fixture, |rows| {
                    // So that nothing else keeps what head and the revisions have.
                    let mut head = rows.head()?.unwrap();
                    head.tree = tree;
                    rows.set_head(&head)?;
                    rows.delete_copy(&copy)
                }),
            }
        });
    }
    finds(default, "entries disagree on its size", |fixture, _| {
        let mut leaf = vec![1, 0, 2];
        for (name, size) in [(b'a', 5), (b'b', 6)] {
            leaf.extend([1, name, 0]);
            leaf.extend(id_of("new").as_bytes());
            leaf.extend([size, 0]);
        }
        tamper(fixture, |rows| {
            let row = ContentRecord {
                size: 6,
                place: Place::Inline(Bytes::from_static(b"newnew")),
            };
            rows.put_content(&id_of("new"), &row).map(drop)
        });
        let tree = put_node(fixture, &leaf);
        copy_of(fixture, tree);
    });
    for (text, size) in [("small".into(), 6), (large(), 501)] {
        finds(
            default,
            &format!("its row says {size} bytes"),
            |fixture, _| {
                tamper(fixture, |rows| {
                    let mut row = rows.content(&id_of(&text))?.unwrap();
                    row.size = size;
                    rows.delete_content(&id_of(&text))?;
                    rows.put_content(&id_of(&text), &row).map(drop)
                });
            },
        );
    }
}

/// A leaf of files that all hold `small`.
pub(crate) fn leaf<'n>(names: impl IntoIterator<Item = &'n str>) -> Vec<u8> {
    let mut entries = Vec::new();
    let mut count = 0;
    for name in names {
        count += 1;
        entries.extend([name.len() as u8]);
        entries.extend(name.as_bytes());
        entries.push(0);
        entries.extend(id_of("small").as_bytes());
        entries.extend([5, 0]);
    }
    assert!(count < 128, "its number takes one byte");
    [vec![1, 0, count], entries].concat()
}

/// A node above others: the last name below, the node, files and bytes there.
fn above(level: u8, below: &[(&str, TreeId, u8)]) -> Vec<u8> {
    let mut encoded = vec![1, level, below.len() as u8];
    for (name, node, files) in below {
        encoded.push(name.len() as u8);
        encoded.extend(name.as_bytes());
        encoded.extend(node.as_bytes());
        encoded.extend([*files, 0, 5 * files, name.len() as u8 + 1]);
    }
    encoded
}

/// > The integrity check compares totals with what they count, cuts with where they should be, and sizes with one another.
#[test]
fn nodes_that_are_not_where_they_should_be() {
    let leaf_of = |fixture: &Fixture, names: &[&str]| {
        let names = names.iter().copied();
        put_node(fixture, &leaf(names))
    };
    type Make<'a> = &'a dyn Fn(&Fixture) -> Vec<u8>;
    let cases: [(&str, Make); 7] = [
        // A leaf for each of two files, where one holds both.
        ("its nodes are not cut", &|fixture| {
            let (a, b) = (leaf_of(fixture, &["a"]), leaf_of(fixture, &["b"]));
            above(1, &[("a", a, 1), ("b", b, 1)])
        }),
        // One leaf needs none above it.
        ("its nodes are not cut", &|fixture| {
            above(1, &[("a", leaf_of(fixture, &["a"]), 1)])
        }),
        ("its nodes are not cut", &|fixture| {
            let a = put_node(fixture, &above(1, &[("a", leaf_of(fixture, &["a"]), 1)]));
            above(3, &[("a", a, 1)])
        }),
        // Under another name than its last one.
        ("its nodes are not cut", &|fixture| {
            let a = leaf_of(fixture, &["a"]);
            above(1, &[("a", a, 1), ("b", a, 1)])
        }),
        ("it is empty", &|fixture| {
            above(1, &[("a", leaf_of(fixture, &[]), 0)])
        }),
        // More than a node holds.
        ("its nodes are not cut", &|_| {
            let names: Vec<_> = (0..120).map(|n| format!("{n:0>100}")).collect();
            leaf(names.iter().map(String::as_str))
        }),
        ("its totals are wrong", &|fixture| {
            // Of a directory of its own: a leaf that ends at a cut, and one more.
            let names: Vec<_> = (0..2000).map(|n| format!("{n:0>4}")).collect();
            let view = fixture.workspace.files(At::Head);
            let writes = names
                .iter()
                .map(|name| write(&format!("/e/{name}"), "small"));
            change(&view, writes.collect()).unwrap();
            let tree = view.stat(&path("/e")).unwrap().unwrap();
            let mut root = node(fixture, tree.as_directory().unwrap().tree);
            // Behind the first name and the id of the first node.
            assert_eq!((root[1], root[3]), (1, 4));
            assert!(root[40] < 127, "the files below it: {}", root[40]);
            root[40] += 1;
            root
        }),
    ];
    for (expected, make) in cases {
        let fixture = Fixture::new();
        fixture.write(At::Head, "/small", "small");
        let tree = put_node(&fixture, &make(&fixture));
        copy_of(&fixture, tree);
        let found = problems(&fixture, FsckOptions::default());
        assert!(
            !found.is_empty() && found.iter().all(|found| found.contains(expected)),
            "{expected}: {found:?}"
        );
    }
}

/// > The integrity check finds rows that do not agree: head, revisions, copies and their operations.
#[test]
fn the_check_finds_rows_that_do_not_agree() {
    let default = FsckOptions::default();
    let tree = |fixture: &Fixture| fixture.workspace.revision(RevisionId::new(1)).unwrap().tree;
    let head = |expected: &str, alter: &dyn Fn(&mut workspace_core::store::HeadRecord, TreeId)| {
        finds(default, expected, |fixture, _| {
            let tree = tree(fixture);
            tamper(fixture, |rows| {
                let mut head = rows.head()?.unwrap();
                alter(&mut head, tree);
                rows.set_head(&head)
            });
        });
    };
    head("revision 9 is missing", &|head, _| {
        head.revision = Some(RevisionId::new(9));
    });
    head("revision 3 has another tree", &|head, tree| {
        head.recorded = Some(tree);
    });
    head("revision 3 is newer than its own", &|head, tree| {
        (head.revision, head.recorded) = (Some(RevisionId::new(1)), Some(tree));
    });
    head("revision 3 is newer than its own", &|head, _| {
        (head.revision, head.recorded) = (None, None);
    });

    finds(default, "its parent 2 is missing", |fixture, _| {
        tamper(fixture, |rows| rows.delete_revision(RevisionId::new(2)));
    });
    finds(
        default,
        "its parent 1 is missing and was not pruned",
        |fixture, _| {
            tamper(fixture, |rows| rows.delete_revision(RevisionId::new(1)));
        },
    );
    let revision = |expected: &str, alter: &dyn Fn(&mut workspace_core::store::RevisionRecord)| {
        finds(default, expected, |fixture, _| {
            tamper(fixture, |rows| {
                let mut revision = rows.revision(RevisionId::new(2))?.unwrap();
                alter(&mut revision);
                rows.put_revision(&revision)
            });
        });
    };
    revision("revision 1 is before it and not its parent", &|revision| {
        revision.parent = None;
    });
    revision("its version of head is beyond that of 3", &|revision| {
        revision.version = 99;
    });
    revision("it restores 2, which is no earlier one", &|revision| {
        revision.cause = RevisionCause::Restore(RevisionId::new(2));
    });

    let copy = |expected: &str, alter: &dyn Fn(&mut workspace_core::store::CopyRecord, TreeId)| {
        finds(default, expected, |fixture, id| {
            let tree = tree(fixture);
            tamper(fixture, |rows| {
                let mut copy = rows.copy(&id)?.unwrap();
                alter(&mut copy, tree);
                rows.put_copy(&copy)
            });
        });
    };
    copy("version 77, beyond head", &|copy, _| copy.base_version = 77);
    copy("generation 1 after 4 operations", &|copy, _| {
        copy.generation = 1;
    });
    copy("its newest operation is missing", &|copy, _| {
        (copy.operation, copy.generation) = (Some(OperationId::new(5)), 5);
    });
    copy(
        "its newest operation ends at another tree",
        &|copy, tree| {
            copy.tree = tree;
        },
    );
    copy("revision 3 does not come from it", &|copy, _| {
        copy.state = CopyState::Applied(AppliedAs::Revision(RevisionId::new(3)));
    });
    copy("applied as revision 4, beyond head's", &|copy, _| {
        copy.state = CopyState::Applied(AppliedAs::Revision(RevisionId::new(4)));
    });
    copy("is missing or cannot be read", &|copy, _| {
        let nobody = CopyId::from_bytes([9; 16]);
        (copy.parent, copy.top) = (Some(nobody), Some(nobody));
    });
    copy("its parent is head, but it is below copy", &|copy, _| {
        copy.top = Some(CopyId::from_bytes([9; 16]));
    });
    let nested = |expected: &str, alter: &dyn Fn(&Fixture, CopyId, CopyId)| {
        finds(default, expected, |fixture, id| {
            let child = fixture.workspace.fork(ForkOptions::of_copy(id)).unwrap();
            alter(fixture, id, child.id);
        });
    };
    let alter_copy =
        |fixture: &Fixture, id, alter: &dyn Fn(&mut workspace_core::store::CopyRecord)| {
            tamper(fixture, |rows| {
                let mut copy = rows.copy(&id)?.unwrap();
                alter(&mut copy);
                rows.put_copy(&copy)
            });
        };
    nested("is closed", &|fixture, parent, _| {
        alter_copy(fixture, parent, &|copy| copy.state = CopyState::Discarded);
    });
    nested("as its parent is", &|fixture, _, child| {
        alter_copy(fixture, child, &|copy| {
            copy.top = Some(CopyId::from_bytes([9; 16]));
        });
    });
    nested("version 99, beyond its parent", &|fixture, _, child| {
        alter_copy(fixture, child, &|copy| copy.base_version = 99);
    });
    nested("does not come from it", &|fixture, _, child| {
        alter_copy(fixture, child, &|copy| {
            let first = OperationId::new(1);
            copy.state = CopyState::Applied(AppliedAs::Operation(first));
        });
    });
    finds(
        default,
        "its operations before 2 are missing",
        |fixture, id| {
            tamper(fixture, |rows| rows.delete_operations(&id, 1).map(drop));
        },
    );
    finds(
        default,
        "operations between 4 and 6 are missing",
        |fixture, id| {
            tamper(fixture, |rows| {
                let mut copy = rows.copy(&id)?.unwrap();
                let last = rows.operation(&id, OperationId::new(4))?.unwrap();
                let later = OperationRecord {
                    id: OperationId::new(6),
                    before: last.after,
                    ..last
                };
                (copy.operation, copy.generation) = (Some(later.id), 6);
                rows.put_operation(&id, &later)?;
                rows.put_copy(&copy)
            });
        },
    );
    finds(
        default,
        "operation 3 does not begin where 2 ends",
        |fixture, id| {
            let tree = tree(fixture);
            tamper(fixture, |rows| {
                let mut third = rows.operation(&id, OperationId::new(3))?.unwrap();
                third.before = tree;
                rows.put_operation(&id, &third)
            });
        },
    );
    for (tree_too, expected) in [
        (true, "it differs from its base without an operation"),
        (false, "generation 1 after 0 operations"),
    ] {
        finds(default, expected, |fixture, _| {
            let (tree, id) = (tree(fixture), fixture.fork());
            tamper(fixture, |rows| {
                let mut copy = rows.copy(&id)?.unwrap();
                match tree_too {
                    true => copy.tree = tree,
                    false => copy.generation = 1,
                }
                rows.put_copy(&copy)
            });
        });
    }
}

#[test]
fn what_was_pruned_or_closed_is_not_missing() {
    let (fixture, copy) = fixture();
    let keep = KeepRevisions::default().newest(2);
    fixture.workspace.prune_revisions(keep).unwrap();
    fixture.fsck();
    tamper(&fixture, |rows| rows.delete_revision(RevisionId::new(2)));
    let found = problems(&fixture, FsckOptions::default());
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].contains("parent 2 is missing and was not pruned"),
        "{found:?}"
    );
    let other = fixture.fork();
    fixture.workspace.discard(copy).unwrap();
    fixture.write(At::Copy(other), "/x", "x");
    block_on(fixture.workspace.gc(|_| {})).unwrap();
    let found = problems(&fixture, FsckOptions::default());
    assert_eq!(found.len(), 1, "{found:?}");
}

#[test]
fn what_nothing_refers_to_is_counted_and_no_problem() {
    let (fixture, copy) = fixture();
    fixture.gc();
    let before = check(&fixture, contents());
    assert_eq!(before.garbage, workspace_core::Garbage::default());
    assert_eq!((before.objects, before.contents), (1, 6));
    assert_eq!(before.verified_bytes, 509);
    fixture.write(At::Copy(copy), "/large", &"y".repeat(200));
    fixture.workspace.discard(copy).unwrap();
    let orphan = "0rphan".parse().unwrap();
    let body = Box::pin(futures::stream::iter([Ok(Bytes::from_static(b"x"))]));
    block_on(fixture.blobs.put(&orphan, body)).unwrap();
    let report = check(&fixture, contents());
    assert_eq!(report.problems, []);
    assert_eq!(report.objects, 3);
    assert_eq!(report.garbage.contents, 2, "those of the copy");
    assert_eq!(report.garbage.nodes, 5);
    assert_eq!(report.garbage.objects, 1, "the other one has a row");
    fixture.gc();
    assert_eq!(check(&fixture, contents()).garbage, before.garbage);
}

#[test]
fn what_a_damaged_node_referred_to_is_not_garbage() {
    let (fixture, _) = fixture();
    let tree = fixture.workspace.head().unwrap().tree;
    let bytes = node(&fixture, tree);
    tamper(&fixture, |rows| rows.delete_node(&tree));
    let report = check(&fixture, contents());
    assert_eq!(report.problem_count, 1);
    assert_eq!(report.garbage, workspace_core::Garbage::default());
    assert_eq!(
        kind(block_on(fixture.workspace.gc(|_| {}))),
        ErrorKind::Corrupt
    );
    tamper(&fixture, |rows| rows.put_node(&tree, &bytes).map(drop));
    fixture.fsck();
}

/// One call of the blob store for a page of keys, and none a content.
#[test]
fn the_check_asks_the_blob_store_a_page_at_a_time() {
    let fixture = Fixture::new();
    for n in 0..1100 {
        fixture.write(At::Head, &format!("/{n}"), &format!("{n:0>200}"));
    }
    let metered = fixture.workspace.metered();
    let report = block_on(metered.fsck(FsckOptions::default())).unwrap();
    assert_eq!((report.problems.len(), report.objects), (0, 1100));
    assert_eq!(metered.receipt().blob_calls, 2);
}

/// > The integrity check is right beside writers and collections: what it calls wrong is wrong.
#[test]
fn the_check_beside_writers_and_collections() {
    for (budget, rows) in [(1, 1000), (3, 1), (20, 1000), (20, 7)] {
        let fixture = Fixture::new();
        let copy = At::Copy(fixture.fork());
        for n in 0..40 {
            fixture.write(At::Head, &format!("/{n}"), &format!("{n:0>200}"));
            fixture.write(copy, &format!("/{n}"), &n.to_string());
        }
        fixture
            .workspace
            .snapshot(RevisionMessage::default())
            .unwrap();
        let work = async {
            for n in 0..40 {
                let remove = Change::Remove {
                    path: path(&format!("/{n}")),
                    recursive: false,
                };
                make(&fixture, At::Head, remove).await;
                let text = format!("{n:1>300}");
                make(&fixture, copy, write(&format!("/{n}"), &text)).await;
                fixture
                    .workspace
                    .snapshot(RevisionMessage::default())
                    .unwrap();
                fixture
                    .workspace
                    .prune_revisions(KeepRevisions::default())
                    .unwrap();
                for _ in 0..10 {
                    let budget = workspace_core::CollectBudget::default().rows(budget);
                    fixture.workspace.collect(budget).await.unwrap();
                    pass().await;
                }
            }
        };
        let checks = async {
            for _ in 0..8 {
                let options = contents().rows(rows);
                let report = fixture.workspace.fsck(options).await.unwrap();
                assert_eq!(report.problems, [], "budget {budget}, {rows} rows");
            }
        };
        block_on(join(work, checks));
        fixture.gc();
        assert_eq!(
            check(&fixture, contents()).garbage,
            workspace_core::Garbage::default()
        );
    }
}

/// Others get their turn while a check goes on.
#[test]
fn the_check_lets_others_in_between() {
    let fixture = Fixture::new();
    let view = fixture.workspace.files(At::Head);
    let writes = (0..3000).map(|n| write(&format!("/{n}/{n}"), "x"));
    change(&view, writes.collect()).unwrap();
    let turns = std::cell::Cell::new(0);
    let checked = std::cell::Cell::new(false);
    let others = async {
        while !checked.get() {
            turns.set(turns.get() + 1);
            pass().await;
        }
    };
    let check = async {
        fixture
            .workspace
            .fsck(FsckOptions::default())
            .await
            .unwrap();
        checked.set(true);
    };
    block_on(join(others, check));
    assert!(turns.get() > 8, "{} turns", turns.get());
}

/// > A read that has begun gets its bytes, whatever is written and collected meanwhile.
#[test]
fn a_read_beside_a_collection() {
    let fixture = Fixture::new();
    fixture.write(At::Head, "/large", &large());
    let key = key_of(&fixture, id_of(&large()));
    let files = fixture.workspace.files(At::Head);
    let (large_path, file) = (
        path("/large"),
        files.stat(&path("/large")).unwrap().unwrap(),
    );
    let file = file.as_file().unwrap().clone();
    let object = fixture.workspace.object_of(&file).unwrap().unwrap();
    assert_eq!(object.key(), &key);
    let overwrite = async {
        make(&fixture, At::Head, write("/large", "other")).await;
        fixture.workspace.gc(|_| {}).await.unwrap();
    };
    let (read, ()) = block_on(join(files.read(&large_path), overwrite));
    assert_eq!(read.unwrap(), large());
    assert_eq!(kind(fixture.workspace.object_of(&file)), ErrorKind::Stale);
    let read = fixture.workspace.read_entry(&file);
    assert_eq!(kind(block_on(read)), ErrorKind::Stale, "nothing is damaged");
    let there = |fixture: &Fixture| block_on(fixture.blobs.get(&key, 0..1)).unwrap().is_some();
    fixture.gc();
    assert!(there(&fixture), "somebody holds it");
    drop(object);
    let idle = Upkeep::default().idle(0);
    while block_on(fixture.workspace.upkeep(&idle)).unwrap().next == NextStep::Now {}
    assert!(!there(&fixture), "and now nobody does");
}

/// > What a lost content held is healed by writing or importing the same bytes again.
#[test]
fn the_same_bytes_heal() {
    let key = |fixture: &Fixture| key_of(fixture, id_of(&large()));
    for lost in [None, Some("x".repeat(499))] {
        for import in [false, true] {
            let fixture = Fixture::new();
            fixture.write(At::Head, "/large", &large());
            let old = key(&fixture);
            fixture.blobs.tamper(&old, lost.clone().map(Bytes::from));
            let files = fixture.workspace.files(At::Head);
            let read = || block_on(files.read(&path("/large")));
            assert_eq!(kind(read()), ErrorKind::Corrupt);
            match import {
                true => {
                    let mut source = Entries::new(vec![source_file("/other", &large())]);
                    let options = ImportOptions::default();
                    block_on(fixture.workspace.import(At::Head, &mut source, options)).unwrap();
                }
                false => drop(fixture.write(At::Head, "/other", &large())),
            }
            assert_eq!(read().unwrap(), large());
            assert_ne!(key(&fixture), old);
            assert_eq!(block_on(fixture.blobs.list(None, 9)).unwrap().len(), 1);
            fixture.fsck();
        }
    }
    // Bytes in a row as well.
    let fixture = Fixture::new();
    fixture.write(At::Head, "/small", "small");
    tamper(&fixture, |rows| {
        rows.delete_content(&id_of("small"))?;
        let row = ContentRecord {
            size: 5,
            place: Place::Inline(Bytes::from_static(b"SMALL")),
        };
        rows.put_content(&id_of("small"), &row).map(drop)
    });
    fixture.write(At::Head, "/small", "small");
    fixture.fsck();
}

/// > A content that was stored ahead belongs to its workspace; another one refuses it.
#[test]
fn a_content_stored_elsewhere_is_refused() {
    let (one, other) = (Fixture::new(), Fixture::new());
    for size in [5, 500] {
        let body = Box::pin(futures::stream::iter([Ok(Bytes::from("x".repeat(size)))]));
        let stored = block_on(one.workspace.store(body)).unwrap();
        let write = Change::Write {
            path: path("/x"),
            content: workspace_core::Content::Stored(stored),
            options: workspace_core::WriteOptions::default(),
        };
        let head = other.workspace.files(At::Head);
        assert_eq!(kind(change(&head, vec![write])), ErrorKind::Invalid);
        let body = Box::pin(futures::stream::iter([Ok(Bytes::from("x".repeat(size)))]));
        let stored = block_on(one.workspace.store(body)).unwrap();
        let now = head.write_now("/x", workspace_core::Content::Stored(stored));
        assert_eq!(kind(now), ErrorKind::Invalid, "not at once either");
    }
    let reserved = one.workspace.reserve();
    let stored = reserved.stored(id_of("x"), 500);
    let write = Change::Write {
        path: path("/x"),
        content: workspace_core::Content::Stored(stored),
        options: workspace_core::WriteOptions::default(),
    };
    let refused = change(&other.workspace.files(At::Head), vec![write]);
    assert_eq!(kind(refused), ErrorKind::Invalid);
    assert_eq!(other.paths(At::Head), [""; 0]);
}

/// > An upload that leads to no change is a reason for the next collection.
#[test]
fn an_upload_that_is_dropped_is_collected() {
    let policy = Upkeep::default().idle(1000);
    let step = |fixture: &Fixture| block_on(fixture.workspace.upkeep(&policy)).unwrap();
    let objects = |fixture: &Fixture| block_on(fixture.blobs.list(None, 9)).unwrap().len();
    let body = || Box::pin(futures::stream::iter([Ok(Bytes::from(large()))]));
    let ends: [&dyn Fn(&Fixture); 3] = [
        &|fixture| drop(block_on(fixture.workspace.store(body())).unwrap()),
        &|fixture| {
            // Stopped wherever it waits.
            for polls in 1..9 {
                let mut store = Box::pin(fixture.workspace.store(body()));
                for _ in 0..polls {
                    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
                    if store.as_mut().poll(&mut context).is_ready() {
                        break;
                    }
                }
            }
        },
        &|fixture| {
            // A batch that takes back what it made.
            let remove = Change::Remove {
                path: path("/x"),
                recursive: false,
            };
            let changes = vec![write("/x", &large()), remove];
            let changed = change(&fixture.workspace.files(At::Head), changes).unwrap();
            assert_eq!(changed.operation, None);
        },
    ];
    for (n, end) in ends.into_iter().enumerate() {
        let fixture = Fixture::new();
        fixture.write(At::Head, "/kept", &"k".repeat(300));
        fixture.gc();
        assert_eq!(step(&fixture).next, NextStep::Never, "{n}");
        end(&fixture);
        assert!(objects(&fixture) > 1, "{n}: nothing was left to collect");
        let NextStep::At(due) = step(&fixture).next else {
            panic!("{n}: nothing is due");
        };
        fixture.time.set(due.as_millis());
        while step(&fixture).next == NextStep::Now {}
        assert_eq!(step(&fixture).next, NextStep::Never, "{n}: once");
        assert_eq!(objects(&fixture), 1, "{n}");
    }
    // One that led to a change is none.
    let fixture = Fixture::new();
    fixture.gc();
    let body = body();
    let stored = block_on(fixture.workspace.store(body)).unwrap();
    fixture.write(At::Head, "/same", &large());
    drop(stored);
    fixture.gc();
    assert_eq!(step(&fixture).next, NextStep::Never);
}

#[test]
fn an_object_that_was_there_is_deleted_at_once() {
    let fixture = Fixture::new();
    for name in ["/one", "/two", "/one"] {
        fixture.write(At::Head, name, &large());
        assert_eq!(block_on(fixture.blobs.list(None, 9)).unwrap().len(), 1);
    }
}

#[test]
fn a_range_of_a_cut_object_is_corrupt() {
    let fixture = Fixture::new();
    fixture.write(At::Head, "/large", &large());
    let key = key_of(&fixture, id_of(&large()));
    fixture
        .blobs
        .tamper(&key, Some(Bytes::from("x".repeat(350))));
    let view = fixture.workspace.files(At::Head);
    let read = |range| {
        block_on(async {
            use futures::TryStreamExt;
            let opened = view.open(&path("/large"), Some(range)).await?;
            opened
                .body
                .try_fold(0, async |n, chunk| Ok(n + chunk.len()))
                .await
        })
    };
    assert_eq!(read(100..350).unwrap(), 250);
    for range in [300..400, 350..351, 400..500, 349..351] {
        assert_eq!(kind(read(range)), ErrorKind::Corrupt);
    }
}

/// A blob store that counts its calls, and how many puts there are at a time.
#[derive(Default)]
struct Counting {
    blobs: workspace_testkit::MemoryBlobs,
    deletes: std::sync::atomic::AtomicUsize,
    puts: std::sync::atomic::AtomicUsize,
    peak: std::sync::atomic::AtomicUsize,
}

impl BlobStore for Counting {
    fn put<'a>(
        &'a self,
        key: &'a BlobKey,
        body: workspace_core::store::ByteStream<'a>,
    ) -> futures::future::BoxFuture<'a, Result<u64>> {
        use std::sync::atomic::Ordering::Relaxed;
        Box::pin(async move {
            let now = self.puts.fetch_add(1, Relaxed) + 1;
            self.peak.fetch_max(now, Relaxed);
            let stored = self.blobs.put(key, body).await;
            self.puts.fetch_sub(1, Relaxed);
            stored
        })
    }

    fn get<'a>(
        &'a self,
        key: &'a BlobKey,
        range: std::ops::Range<u64>,
    ) -> futures::future::BoxFuture<'a, Result<Option<workspace_core::store::ByteStream<'static>>>>
    {
        self.blobs.get(key, range)
    }

    fn delete<'a>(&'a self, keys: &'a [BlobKey]) -> futures::future::BoxFuture<'a, Result<()>> {
        self.deletes
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.blobs.delete(keys)
    }

    fn list<'a>(
        &'a self,
        after: Option<&'a BlobKey>,
        limit: usize,
    ) -> futures::future::BoxFuture<'a, Result<Vec<workspace_core::store::Listed>>> {
        self.blobs.list(after, limit)
    }
}

#[test]
fn objects_are_put_and_deleted_several_at_a_time() {
    use std::sync::atomic::Ordering::Relaxed;
    let counting = std::sync::Arc::new(Counting::default());
    let fixture = Fixture::on(counting.clone());
    let head = fixture.workspace.files(At::Head);
    let text = |n: usize| format!("{n:0>200}");
    let writes: Vec<_> = (0..40)
        .map(|n| write(&format!("/d/{n}"), &text(n)))
        .collect();
    change(&head, writes).unwrap();
    assert_eq!(counting.peak.load(Relaxed), 16, "at a time");
    for n in 0..40 {
        let read = block_on(head.read(&path(&format!("/d/{n}")))).unwrap();
        assert_eq!(read, text(n), "each has its own");
    }
    let again: Vec<_> = (0..40)
        .map(|n| write(&format!("/e/{n}"), &text(n)))
        .collect();
    change(&head, again).unwrap();
    assert_eq!(counting.deletes.load(Relaxed), 1, "of 40 that were there");
    fixture.remove(At::Head, "/d");
    fixture.remove(At::Head, "/e");
    assert_eq!(fixture.gc().objects, 40);
    assert_eq!(counting.deletes.load(Relaxed), 2);
}
