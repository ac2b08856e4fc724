use workspace_core::store::{AppliedAs, CopyState};
use workspace_core::{
    Applied, ApplyOptions, At, Author, Change, CopyId, DiffOptions, ErrorKind, ForkOptions,
    RevisionId, RevisionMessage, Timestamp, TreeId, WriteOptions,
};

use crate::support::{Fixture, change, kind, path, write_with};

fn apply(fixture: &Fixture, copy: CopyId) -> workspace_core::Result<Applied> {
    fixture.workspace.apply(copy, ApplyOptions::default())
}

fn published(revision: u64, already: bool) -> Applied {
    Applied::Published {
        revision: RevisionId::new(revision),
        already,
        in_part: false,
    }
}

/// > Apply succeeds where the parent's tree is the one that the copy is based on, even if the version moved.
#[test]
fn apply_looks_at_the_tree() {
    let fixture = Fixture::new();
    let copy = fixture.fork();
    fixture.write(At::Copy(copy), "/a", "1");
    fixture.write(At::Head, "/b", "1");
    fixture.remove(At::Head, "/b");
    assert_eq!(fixture.workspace.head().unwrap().version, 2);
    assert_eq!(apply(&fixture, copy).unwrap(), published(1, false));
}

/// > Apply publishes the copy's files as head and records them as a revision, in a few rows.
#[test]
fn apply_publishes() {
    let fixture = Fixture::new();
    let copy = fixture.fork();
    fixture.write(At::Copy(copy), "/d/a", "1");
    let tree = fixture.workspace.copy(copy).unwrap().tree;
    let metered = fixture.workspace.metered();
    metered.apply(copy, ApplyOptions::default()).unwrap();
    let written = metered.receipt().rows_written;
    assert_eq!(written, 4, "head, revision, copy, event");
    assert_eq!(
        metered.receipt().nodes_read + metered.receipt().nodes_written,
        0
    );
    let head = fixture.workspace.head().unwrap();
    assert_eq!(
        (head.tree, head.version, head.recorded),
        (tree, 1, Some(tree))
    );
    assert_eq!(
        fixture.workspace.revision(RevisionId::new(1)).unwrap().tree,
        tree
    );
    let state = fixture.workspace.copy(copy).unwrap().state;
    assert_eq!(
        state,
        CopyState::Applied(AppliedAs::Revision(RevisionId::new(1)))
    );
    assert_eq!(kind(fixture.workspace.discard(copy)), ErrorKind::Closed);
}

/// > Apply fails with `Conflict` where the parent's files moved, lists the paths changed in the parent, in the copy and in both, and leaves the copy open.
#[test]
fn apply_conflicts_where_head_moved() {
    let fixture = Fixture::new();
    fixture.write(At::Head, "/both", "0");
    let copy = fixture.fork();
    for (at, name) in [(At::Head, "/head"), (At::Copy(copy), "/copy")] {
        fixture.write(at, name, "1");
        fixture.write(at, "/both", name);
    }
    let before = fixture.workspace.head().unwrap();
    let error = apply(&fixture, copy).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let conflict = error.conflict().unwrap();
    let names = |list: &workspace_core::PathList| {
        list.paths
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&conflict.parent), ["/head"]);
    assert_eq!(names(&conflict.copy), ["/copy"]);
    assert_eq!(names(&conflict.both), ["/both"]);
    assert_eq!(fixture.workspace.head().unwrap(), before);
    assert_eq!(fixture.workspace.copy(copy).unwrap().state, CopyState::Open);
}

/// > A repeated apply of the same copy returns its revision or operation.
#[test]
fn apply_can_be_repeated() {
    let fixture = Fixture::new();
    let copy = fixture.fork();
    fixture.write(At::Copy(copy), "/a", "1");
    assert_eq!(apply(&fixture, copy).unwrap(), published(1, false));
    fixture.write(At::Head, "/a", "2");
    assert_eq!(apply(&fixture, copy).unwrap(), published(1, true));
    assert_eq!(fixture.state(At::Head)["/a"], "2");
}

/// > Applying a copy without a change applies nothing, says so, and leaves the copy open.
#[test]
fn applying_no_change_publishes_nothing() {
    let fixture = Fixture::new();
    fixture.write(At::Head, "/a", "1");
    let before = fixture.workspace.head().unwrap();
    let copy = fixture.fork();
    fixture.write(At::Head, "/b", "1");
    fixture.remove(At::Head, "/b");
    assert_eq!(
        apply(&fixture, copy).unwrap(),
        Applied::Unchanged { in_part: false }
    );
    assert_eq!(fixture.workspace.head().unwrap().tree, before.tree);
    assert_eq!(fixture.workspace.revisions(None, 9).unwrap(), []);
    fixture.write(At::Copy(copy), "/a", "2");
    assert_eq!(apply(&fixture, copy).unwrap(), published(2, false));
}

/// > Apply can be told which tree was reviewed, and publishes exactly that or fails with `Stale`.
#[test]
fn apply_publishes_what_was_reviewed() {
    let fixture = Fixture::new();
    let copy = fixture.fork();
    let reviewed = fixture.write(At::Copy(copy), "/a", "1").tree;
    let options = |expect_tree| ApplyOptions::default().expect_tree(expect_tree);
    fixture.write(At::Copy(copy), "/a", "2");
    let late = fixture.workspace.apply(copy, options(Some(reviewed)));
    assert_eq!(kind(late), ErrorKind::Stale);
    let now = fixture.workspace.copy(copy).unwrap().tree;
    fixture.workspace.apply(copy, options(Some(now))).unwrap();
    assert_eq!(fixture.workspace.head().unwrap().tree, now);
}

#[test]
fn a_repeated_apply_is_held_to_what_was_reviewed() {
    let fixture = Fixture::new();
    let copy = fixture.fork();
    let reviewed = fixture.write(At::Copy(copy), "/a", "1").tree;
    let published_tree = fixture.write(At::Copy(copy), "/a", "2").tree;
    let options = |expect_tree| ApplyOptions::default().expect_tree(expect_tree);
    assert_eq!(apply(&fixture, copy).unwrap(), published(1, false));
    let late = fixture.workspace.apply(copy, options(Some(reviewed)));
    assert_eq!(kind(late), ErrorKind::Stale);
    for expected in [None, Some(published_tree)] {
        let again = fixture.workspace.apply(copy, options(expected));
        assert_eq!(again.unwrap(), published(1, true));
    }
}

/// > Apply can be told which parent the copy had, and applies to that one or fails with `Stale`: where that was a copy and was applied meanwhile, the copy has another parent.
#[test]
fn apply_is_to_the_parent_that_is_expected() {
    let fixture = Fixture::new();
    fixture.write(At::Head, "/head", "head");
    let parent = fixture.fork();
    fixture.write(At::Copy(parent), "/parent", "parent");
    let child = fixture.workspace.fork(ForkOptions::of_copy(parent));
    let child = child.unwrap().id;
    fixture.write(At::Copy(child), "/child", "child");
    let to = |parent: At| {
        let options = ApplyOptions::default().rebase(true).expect_parent(parent);
        fixture.workspace.apply(child, options)
    };
    assert_eq!(kind(to(At::Head)), ErrorKind::Stale);
    apply(&fixture, parent).unwrap();
    assert_eq!(kind(to(At::Copy(parent))), ErrorKind::Stale);
    assert_eq!(fixture.paths(At::Head), ["/head", "/parent"]);
    for no_parent in [At::Tree(TreeId::empty()), At::Revision(RevisionId::new(1))] {
        assert_eq!(kind(to(no_parent)), ErrorKind::Invalid);
    }
    assert_eq!(to(At::Head).unwrap(), published(3, false));
    // What was applied is held against it as well.
    assert_eq!(to(At::Head).unwrap(), published(3, true));
    assert_eq!(kind(to(At::Copy(parent))), ErrorKind::Stale);
}

/// Removes a file and writes the same bytes again.
fn touch(fixture: &Fixture, at: At, path: &str, text: &str) {
    let before = fixture.workspace.tree(at).unwrap();
    fixture.remove(at, path);
    fixture.write(at, path, text);
    assert_ne!(
        fixture.workspace.tree(at).unwrap(),
        before,
        "its time is another"
    );
}

/// > A file that differs in nothing but its time is no change: it is in no diff and no conflict, and apply publishes nothing for it.
#[test]
fn a_time_alone_is_no_change() {
    let fixture = Fixture::new();
    fixture.write(At::Head, "/d/a", "1");
    fixture.write(At::Head, "/d/b", "1");
    let copy = fixture.fork();
    let at = At::Copy(copy);
    touch(&fixture, at, "/d/a", "1");
    let diff = |below: &str| {
        let options = DiffOptions::default().below(path(below));
        fixture.workspace.diff(At::Head, at, &options).unwrap()
    };
    assert_eq!((diff("/"), diff("/d/a")), (vec![], vec![]));
    assert_eq!(
        apply(&fixture, copy).unwrap(),
        Applied::Unchanged { in_part: false }
    );
    assert_eq!(fixture.workspace.revisions(None, 9).unwrap(), []);

    // Not where head changed the same file, nor the other way round.
    fixture.write(At::Head, "/d/a", "2");
    fixture.write(at, "/d/b", "2");
    touch(&fixture, At::Head, "/d/b", "1");
    let conflict = apply(&fixture, copy)
        .unwrap_err()
        .conflict()
        .unwrap()
        .clone();
    let counts = [&conflict.parent, &conflict.copy, &conflict.both].map(|list| list.count);
    assert_eq!(counts, [1, 1, 0]);
    fixture.workspace.rebase(copy, &Author::default()).unwrap();
    let state = fixture.state(at);
    assert_eq!((&*state["/d/a"], &*state["/d/b"]), ("2", "2"));

    // Head that has moved in times only has not moved.
    touch(&fixture, At::Head, "/d/a", "2");
    let reviewed = fixture.workspace.tree(at).unwrap();
    assert!(matches!(
        apply(&fixture, copy).unwrap(),
        Applied::Published { .. }
    ));
    assert_eq!(fixture.workspace.head().unwrap().tree, reviewed);
    fixture.fsck();
}

/// > Rebase and undo carry a time along where the other side left the file as it was.
#[test]
fn a_time_goes_along() {
    let fixture = Fixture::new();
    let time = |at| {
        let entry = fixture.workspace.files(at).stat(&path("/a")).unwrap();
        entry.unwrap().modified().unwrap()
    };
    fixture.write(At::Head, "/a", "1");
    let copy = fixture.fork();
    let at = At::Copy(copy);
    let first = time(at);
    touch(&fixture, at, "/a", "1");
    fixture.write(at, "/b", "1");
    fixture.write(At::Head, "/c", "1");
    let touched = time(at);
    fixture.workspace.rebase(copy, &Author::default()).unwrap();
    assert_eq!(time(at), touched);
    touch(&fixture, At::Head, "/a", "1");
    let in_head = time(At::Head);
    fixture.workspace.rebase(copy, &Author::default()).unwrap();
    assert_eq!(time(at), in_head, "where both moved it, head's stays");
    assert_ne!((touched, in_head), (first, first));

    // Two operations, of which only the first moved the time.
    let copy = fixture.fork();
    let at = At::Copy(copy);
    let before = time(at);
    let batch = vec![
        workspace_core::Change::Remove {
            path: path("/a"),
            recursive: false,
        },
        crate::support::write("/a", "1"),
    ];
    crate::support::change(&fixture.workspace.files(at), batch).unwrap();
    fixture.write(at, "/d", "1");
    assert_ne!(time(at), before);
    let first = workspace_core::OperationId::new(1);
    fixture
        .workspace
        .undo(copy, first, &Author::default())
        .unwrap();
    assert_eq!(time(at), before);
}

/// > Apply and restore record head first where no revision does, so that no state of head is lost.
#[test]
fn no_state_of_head_is_lost() {
    let fixture = Fixture::new();
    let one = fixture.write(At::Head, "/a", "1").tree;
    let copy = fixture.fork();
    let two = fixture.write(At::Copy(copy), "/a", "2").tree;
    assert_eq!(apply(&fixture, copy).unwrap(), published(2, false));
    let three = fixture.write(At::Head, "/a", "3").tree;
    fixture
        .workspace
        .restore(RevisionId::new(1), RevisionMessage::default())
        .unwrap();
    let revisions = fixture.workspace.revisions(None, 9).unwrap();
    let trees: Vec<_> = revisions
        .iter()
        .rev()
        .map(|revision| revision.tree)
        .collect();
    assert_eq!(trees, [one, two, three, one]);
    fixture.fsck();
}

/// > Rebase moves a copy onto what its parent is now where the changed paths are disjoint, and is itself an operation.
#[test]
fn rebase_brings_both_sides_together() {
    let fixture = Fixture::new();
    fixture.write(At::Head, "/d/old", "0");
    let copy = fixture.fork();
    fixture.write(At::Copy(copy), "/d/copy", "1");
    fixture.remove(At::Copy(copy), "/d/old");
    fixture.write(At::Head, "/d/head", "1");
    let rebased = fixture.workspace.rebase(copy, &Author::default()).unwrap();
    assert_eq!(rebased.copy.base_version, 2);
    let operation = fixture
        .workspace
        .operations(copy, None, 9)
        .unwrap()
        .pop()
        .unwrap();
    assert_eq!(Some(operation.id), rebased.operation);
    assert_eq!(fixture.paths(At::Copy(copy)), ["/d", "/d/copy", "/d/head"]);
    let again = fixture.workspace.rebase(copy, &Author::default()).unwrap();
    assert_eq!((again.operation, again.copy), (None, rebased.copy));
    apply(&fixture, copy).unwrap();
    assert_eq!(fixture.paths(At::Head), ["/d", "/d/copy", "/d/head"]);
    fixture.fsck();
}

/// > Rebase changes nothing where a path was changed on both sides, and lists the conflicts.
#[test]
fn rebase_conflicts() {
    let fixture = Fixture::new();
    let copy = fixture.fork();
    for (at, text) in [(At::Head, "head"), (At::Copy(copy), "copy")] {
        fixture.write(at, "/both", text);
        fixture.write(at, &format!("/{text}"), text);
    }
    let before = fixture.workspace.copy(copy).unwrap();
    let error = fixture
        .workspace
        .rebase(copy, &Author::default())
        .unwrap_err();
    let conflict = error.conflict().unwrap();
    assert_eq!(
        (
            conflict.parent.count,
            conflict.copy.count,
            conflict.both.count
        ),
        (1, 1, 1)
    );
    assert_eq!(conflict.both.paths[0].as_str(), "/both");
    assert_eq!(fixture.workspace.copy(copy).unwrap(), before);
}

/// > Both sides arriving at the same content is no conflict.
#[test]
fn arriving_at_the_same_is_no_conflict() {
    let fixture = Fixture::new();
    fixture.write(At::Head, "/gone", "0");
    let copy = fixture.fork();
    for at in [At::Head, At::Copy(copy)] {
        fixture.write(at, "/d/same", "1");
        fixture.remove(at, "/gone");
    }
    fixture.write(At::Copy(copy), "/d/more", "1");
    fixture.workspace.rebase(copy, &Author::default()).unwrap();
    assert_eq!(fixture.paths(At::Copy(copy)), ["/d", "/d/more", "/d/same"]);
}

/// > Removing a directory conflicts with changing something in it.
#[test]
fn removing_a_directory_conflicts_with_changing_in_it() {
    for (remover, changed) in [
        (true, "/d/old"),
        (true, "/d/new"),
        (false, "/d/old"),
        (false, "/d/new"),
    ] {
        let fixture = Fixture::new();
        fixture.write(At::Head, "/d/old", "0");
        let copy = fixture.fork();
        let (one, other) = match remover {
            true => (At::Head, At::Copy(copy)),
            false => (At::Copy(copy), At::Head),
        };
        fixture.remove(one, "/d");
        fixture.write(other, changed, "1");
        let error = fixture
            .workspace
            .rebase(copy, &Author::default())
            .unwrap_err();
        let both = &error.conflict().unwrap().both.paths;
        assert!(both.iter().any(|path| path.as_str() == changed), "{both:?}");
    }
}

/// Where so much differs in its time alone that nobody can look at all of it, it counts as
/// a change; where something cannot be read, that is the answer.
#[test]
fn what_cannot_be_compared_to_its_end_is_a_change() {
    let fixture = Fixture::new();
    // 2^19 files, of which one is stored.
    let build = |at: At, millis: i64| {
        let files = fixture.workspace.files(at);
        let how = WriteOptions::default().modified(Timestamp::from_millis(millis));
        let mkdir = |n: usize| Change::mkdir(format!("/{n}")).unwrap();
        change(&files, vec![mkdir(0), write_with("/0/f", "same", how)]).unwrap();
        for n in 0..19 {
            let halves = ["a", "b"].map(|half| {
                let to = format!("/{}/{half}", n + 1);
                Change::copy(format!("/{n}"), to).unwrap()
            });
            let remove = Change::remove(format!("/{n}")).unwrap().recursively();
            let changes = [mkdir(n + 1)].into_iter().chain(halves).chain([remove]);
            change(&files, changes.collect()).unwrap();
        }
    };
    build(At::Head, 1);
    let copy = fixture.fork();
    fixture.remove(At::Copy(copy), "/19");
    build(At::Copy(copy), 2);
    let base = fixture.workspace.copy(copy).unwrap().base;
    let missing = crate::integrity::rows(&fixture, |rows| rows.node(&base)).unwrap();
    crate::integrity::tamper(&fixture, |rows| rows.delete_node(&base));
    let workspace = fixture.reopen(workspace_core::Options::default());
    let refused = workspace.apply(copy, ApplyOptions::default());
    assert_eq!(kind(refused), ErrorKind::Corrupt);
    crate::integrity::tamper(&fixture, |rows| rows.put_node(&base, &missing).map(drop));
    assert_eq!(apply(&fixture, copy).unwrap(), published(2, false));
}
