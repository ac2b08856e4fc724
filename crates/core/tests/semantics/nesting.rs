//! Copies of copies.

use workspace_core::store::{AppliedAs, CopyRecord, CopyState, OperationCause};
use workspace_core::{
    Applied, ApplyOptions, At, Author, CopyId, ErrorKind, EventKind, ForkOptions, FsckOptions,
    OperationId, Result, RevisionId, RevisionMessage, Timestamp, TreeId, WriteOptions,
};

use crate::integrity::{problems, tamper};
use crate::support::{Fixture, change, kind, write_with};

fn fork_of(fixture: &Fixture, parent: CopyId) -> CopyId {
    let options = ForkOptions::of_copy(parent);
    fixture.workspace.fork(options).unwrap().id
}

fn apply(fixture: &Fixture, copy: CopyId) -> Applied {
    let applied = fixture.workspace.apply(copy, ApplyOptions::default());
    applied.unwrap()
}

fn state(fixture: &Fixture, copy: CopyId) -> CopyState {
    fixture.workspace.copy(copy).unwrap().state
}

/// A parent with a file of its own, and a child with one more.
fn family(fixture: &Fixture) -> (CopyId, CopyId) {
    fixture.write(At::Head, "/head", "head");
    let parent = fixture.fork();
    fixture.write(At::Copy(parent), "/parent", "parent");
    let child = fork_of(fixture, parent);
    fixture.write(At::Copy(child), "/child", "child");
    (parent, child)
}

/// > Head, a revision and an open copy can be forked, each in two rows, whatever the size of the tree; the copy that was forked is the parent of the new one.
#[test]
fn head_revisions_and_copies_can_be_forked() {
    let fixture = Fixture::new();
    let (parent, child) = family(&fixture);
    apply(&fixture, parent);
    fixture.write(At::Head, "/later", "later");

    let metered = fixture.workspace.metered();
    let of_revision = ForkOptions::default().of(At::Revision(RevisionId::new(2)));
    let of_revision = metered.fork(of_revision).unwrap();
    let of_child = metered.fork(ForkOptions::of_copy(child)).unwrap();
    let receipt = metered.receipt();
    assert_eq!((receipt.rows_written, receipt.nodes_written), (4, 0));

    assert_eq!((of_revision.parent, of_revision.base_version), (None, 2));
    assert_eq!(
        fixture.paths(At::Copy(of_revision.id)),
        ["/head", "/parent"]
    );
    assert_eq!((of_child.parent, of_child.top), (Some(child), Some(child)));
    assert_eq!(of_child.base_version, 1, "the generation of its parent");
    assert_eq!(
        fixture.paths(At::Copy(of_child.id)),
        ["/child", "/head", "/parent"]
    );

    // Of a revision, it is applied to head as any other: after a rebase, here.
    fixture.write(At::Copy(of_revision.id), "/old", "old");
    let refused = fixture
        .workspace
        .apply(of_revision.id, ApplyOptions::default());
    assert_eq!(kind(refused), ErrorKind::Conflict);
    let rebased = fixture
        .workspace
        .rebase(of_revision.id, &Author::default())
        .unwrap();
    assert_eq!(rebased.copy.base_version, 3);
    apply(&fixture, of_revision.id);
    assert_eq!(
        fixture.paths(At::Head),
        ["/head", "/later", "/old", "/parent"]
    );

    let refused = |of| kind(fixture.workspace.fork(ForkOptions::default().of(of)));
    let tree = At::Tree(TreeId::empty());
    assert_eq!(refused(tree), ErrorKind::Invalid);
    assert_eq!(refused(At::Copy(parent)), ErrorKind::Closed);
    let nobody = At::Copy(CopyId::from_bytes([9; 16]));
    assert_eq!(refused(nobody), ErrorKind::NotFound);
    let never = At::Revision(RevisionId::new(99));
    assert_eq!(refused(never), ErrorKind::NotFound);
}

/// > Applying a copy to a copy publishes nothing: it is one operation of the parent, with actor and note, and is undone like any other.
#[test]
fn applying_to_a_copy_is_one_operation_of_it() {
    let fixture = Fixture::new();
    let (parent, child) = family(&fixture);
    fixture.write(At::Copy(child), "/more", "more");
    let before = fixture.workspace.head().unwrap();
    let message = RevisionMessage::from("why").actor("who");
    let options = ApplyOptions::default().message(message);
    let applied = fixture.workspace.apply(child, options.clone()).unwrap();
    let operation = OperationId::new(2);
    let already = |already| Applied::ToParent {
        operation,
        already,
        in_part: false,
    };
    assert_eq!(applied, already(false));
    assert_eq!(
        fixture.paths(At::Copy(parent)),
        ["/child", "/head", "/more", "/parent"]
    );
    assert_eq!(fixture.workspace.head().unwrap(), before);
    assert_eq!(
        state(&fixture, child),
        CopyState::Applied(AppliedAs::Operation(operation))
    );
    let log = fixture.workspace.operations(parent, None, 9).unwrap();
    assert_eq!(log.len(), 2);
    assert_eq!(log[1].cause, OperationCause::Apply(child));
    assert_eq!((&*log[1].actor, &*log[1].note), ("who", "why"));

    // Again, it says the same; the child takes no more.
    let again = fixture.workspace.apply(child, options).unwrap();
    assert_eq!(again, already(true));
    assert_eq!(kind(fixture.workspace.discard(child)), ErrorKind::Closed);

    // What came later stays where it is undone.
    fixture.write(At::Copy(parent), "/later", "later");
    let undone = fixture
        .workspace
        .undo(parent, operation, &Author::default());
    assert!(undone.unwrap().operation.is_some());
    assert_eq!(
        fixture.paths(At::Copy(parent)),
        ["/head", "/later", "/parent"]
    );
}

/// An operation has no place for metadata; it is not dropped without a word.
#[test]
fn metadata_goes_with_revisions_only() {
    let fixture = Fixture::new();
    let (parent, child) = family(&fixture);
    let metadata = [("ticket".to_string(), "7".to_string())];
    let message = RevisionMessage::default().metadata(metadata.into());
    let options = ApplyOptions::default().message(message);
    let refused = fixture.workspace.apply(child, options.clone());
    assert_eq!(kind(refused), ErrorKind::Invalid);
    assert_eq!(state(&fixture, child), CopyState::Open);
    fixture.workspace.apply(parent, options).unwrap();
}

/// > A copy of a copy is isolated from its parent as from head: an apply fails with `Conflict` where the parent's files moved, and a rebase brings in what the parent changed.
#[test]
fn parents_move_on_as_head_does() {
    let fixture = Fixture::new();
    let (parent, child) = family(&fixture);
    fixture.write(At::Copy(parent), "/news", "news");
    fixture.write(At::Head, "/elsewhere", "head");
    assert_eq!(
        fixture.paths(At::Copy(child)),
        ["/child", "/head", "/parent"]
    );
    let error = fixture
        .workspace
        .apply(child, ApplyOptions::default())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let conflict = error.conflict().unwrap();
    let paths = |list: &workspace_core::PathList| {
        let paths = list.paths.iter();
        paths.map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(paths(&conflict.parent), ["/news"]);
    assert_eq!(paths(&conflict.copy), ["/child"]);
    assert_eq!(conflict.both.count, 0);

    let rebased = fixture.workspace.rebase(child, &Author::default()).unwrap();
    assert_eq!(rebased.copy.base_version, 2, "the generation of its parent");
    let log = fixture.workspace.operations(child, None, 9).unwrap();
    assert_eq!(log[1].cause, OperationCause::Rebase(2));
    assert_eq!(
        fixture.paths(At::Copy(child)),
        ["/child", "/head", "/news", "/parent"],
        "and nothing of head's"
    );
    apply(&fixture, child);
    assert_eq!(
        fixture.paths(At::Copy(parent)),
        ["/child", "/head", "/news", "/parent"]
    );
    // Where both changed a path, nothing moves.
    let other = fork_of(&fixture, parent);
    fixture.write(At::Copy(other), "/news", "other");
    fixture.write(At::Copy(parent), "/news", "newer");
    let refused = fixture.workspace.rebase(other, &Author::default());
    assert_eq!(kind(refused), ErrorKind::Conflict);
}

/// > Where a copy is applied, the open copies right below it have its parent as theirs, and stay as they are.
#[test]
fn children_of_what_is_applied_have_its_parent() {
    let fixture = Fixture::new();
    let (parent, child) = family(&fixture);
    let grandchild = fork_of(&fixture, child);
    fixture.write(At::Copy(grandchild), "/grandchild", "x");
    let late = {
        fixture.write(At::Copy(parent), "/late", "late");
        fork_of(&fixture, parent)
    };
    fixture.write(At::Copy(late), "/more", "more");
    let events = fixture.workspace.last_event().unwrap();
    apply(&fixture, parent);
    let told = fixture.workspace.events(events, 9).unwrap();
    let told: Vec<_> = told
        .iter()
        .map(|it| (it.event.kind, it.event.copy, it.event.version))
        .collect();
    assert_eq!(
        told,
        [
            (EventKind::Recorded, None, Some(1)),
            (EventKind::Applied, Some(parent), Some(2)),
            (EventKind::Reparented, Some(child), Some(1)),
            (EventKind::Reparented, Some(grandchild), Some(1)),
            (EventKind::Reparented, Some(late), Some(2)),
        ]
    );
    let copy = |id| fixture.workspace.copy(id).unwrap();
    let place = |id| (copy(id).parent, copy(id).top, copy(id).base_version);
    assert_eq!(
        place(child),
        (None, None, 1),
        "what it is based on is not head"
    );
    assert_eq!(place(late), (None, None, 2));
    assert_eq!(place(grandchild), (Some(child), Some(child), 1));

    // It is based on what head is now, and can be applied at once.
    let published = apply(&fixture, late);
    assert!(matches!(published, Applied::Published { .. }));
    // This one was forked before its parent's last change.
    let refused = fixture.workspace.apply(child, ApplyOptions::default());
    assert_eq!(kind(refused), ErrorKind::Conflict);
    fixture.workspace.rebase(child, &Author::default()).unwrap();
    apply(&fixture, child);
    let refused = fixture.workspace.apply(grandchild, ApplyOptions::default());
    assert_eq!(kind(refused), ErrorKind::Conflict, "its parent was rebased");
    fixture
        .workspace
        .rebase(grandchild, &Author::default())
        .unwrap();
    apply(&fixture, grandchild);
    assert_eq!(
        fixture.paths(At::Head),
        [
            "/child",
            "/grandchild",
            "/head",
            "/late",
            "/more",
            "/parent"
        ]
    );
}

/// In a chain, each apply hands the rest to what is above, and costs its own rows only.
#[test]
fn a_chain_is_applied_from_any_of_its_links() {
    for first in 0..4 {
        let fixture = Fixture::new();
        fixture.write(At::Head, "/0", "head");
        let mut chain = vec![fixture.fork()];
        fixture.write(At::Copy(chain[0]), "/1", "x");
        for n in 2..5 {
            let copy = fork_of(&fixture, chain[n - 2]);
            fixture.write(At::Copy(copy), &format!("/{n}"), "x");
            chain.push(copy);
        }
        let mut order = chain.clone();
        order.swap(0, first);
        for copy in order {
            fixture.workspace.rebase(copy, &Author::default()).unwrap();
            apply(&fixture, copy);
        }
        assert_eq!(fixture.paths(At::Head), ["/0", "/1", "/2", "/3", "/4"]);
    }
}

/// > A copy that is discarded or expires takes all copies below it along, in the same transaction.
#[test]
fn copies_below_a_discarded_one_are_discarded() {
    let fixture = Fixture::new();
    let (parent, child) = family(&fixture);
    let grandchild = fork_of(&fixture, child);
    let sibling = fork_of(&fixture, parent);
    let other = fixture.fork();
    fixture.workspace.discard(child).unwrap();
    for (copy, closed) in [
        (child, true),
        (grandchild, true),
        (parent, false),
        (sibling, false),
    ] {
        assert_eq!(
            state(&fixture, copy) == CopyState::Discarded,
            closed,
            "{copy}"
        );
    }
    let events = fixture.workspace.last_event().unwrap();
    fixture.workspace.discard(parent).unwrap();
    assert_eq!(state(&fixture, sibling), CopyState::Discarded);
    assert_eq!(state(&fixture, other), CopyState::Open);
    let told = fixture.workspace.events(events, 9).unwrap();
    let told: Vec<_> = told
        .iter()
        .map(|it| (it.event.kind, it.event.copy))
        .collect();
    assert_eq!(
        told,
        [
            (EventKind::Discarded, Some(parent)),
            (EventKind::Discarded, Some(sibling)),
        ]
    );
}

/// One copy that expires takes the whole tree of those below it, and no other; events
/// tell of each, the ones above first.
#[test]
fn all_below_a_copy_that_expires_go_with_it() {
    let fixture = Fixture::new();
    let soon = Timestamp::from_millis(fixture.time.get() + 1_000);
    let lasting = fixture.fork();
    let expiring = ForkOptions::of_copy(lasting).expires(soon);
    let expiring = fixture.workspace.fork(expiring).unwrap().id;
    let sibling = fork_of(&fixture, lasting);
    let child = fork_of(&fixture, expiring);
    let grandchildren = [fork_of(&fixture, child), fork_of(&fixture, child)];
    // One that is applied before hands those below it on, which expire all the same.
    fixture.write(At::Copy(child), "/x", "x");
    apply(&fixture, child);
    for grandchild in grandchildren {
        let copy = fixture.workspace.copy(grandchild).unwrap();
        assert_eq!((copy.parent, copy.expires), (Some(expiring), Some(soon)));
    }
    let events = fixture.workspace.last_event().unwrap();
    fixture.time.set(soon.as_millis());
    assert_eq!(fixture.workspace.expire_copies().unwrap(), 3);
    let told = fixture.workspace.events(events, 9).unwrap();
    let told: Vec<_> = told
        .iter()
        .map(|it| (it.event.kind, it.event.copy))
        .collect();
    let gone = [expiring, grandchildren[0], grandchildren[1]];
    assert_eq!(told, gone.map(|id| (EventKind::Expired, Some(id))));
    for copy in gone {
        assert_eq!(state(&fixture, copy), CopyState::Discarded);
    }
    for copy in [lasting, sibling] {
        assert_eq!(state(&fixture, copy), CopyState::Open);
    }
    assert_eq!(fixture.workspace.expire_copies().unwrap(), 0);
    fixture.fsck();
}

/// > A copy of a copy expires no later than its parent.
#[test]
fn a_copy_of_a_copy_expires_with_it() {
    let fixture = Fixture::new();
    let soon = Timestamp::from_millis(fixture.time.get() + 1_000);
    let late = Timestamp::from_millis(fixture.time.get() + 9_000);
    let fork = |options: ForkOptions| fixture.workspace.fork(options).unwrap();
    let parent = fork(ForkOptions::default().expires(soon)).id;
    let child = fork(ForkOptions::of_copy(parent));
    let later = fork(ForkOptions::of_copy(parent).expires(late));
    assert_eq!((child.expires, later.expires), (Some(soon), Some(soon)));
    fixture.time.set(fixture.time.get() + 2_000);
    let refused = fixture.workspace.fork(ForkOptions::of_copy(child.id));
    assert_eq!(kind(refused), ErrorKind::Closed);
    assert_eq!(fixture.workspace.expire_copies().unwrap(), 3);
    for copy in [parent, child.id, later.id] {
        assert_eq!(state(&fixture, copy), CopyState::Discarded);
    }

    // Where the clock goes back, all are gone all the same.
    fixture.time.set(fixture.time.get() - 2_000);
    let refused = fixture.workspace.apply(child.id, ApplyOptions::default());
    assert_eq!(kind(refused), ErrorKind::Closed);
}

/// > More than 8 copies one below the other, or 1,000 open ones below one whose parent is head, fail with `LimitExceeded`.
#[test]
fn nesting_is_bounded() {
    let fixture = Fixture::new();
    let top = fixture.fork();
    let mut deepest = top;
    for _ in 1..8 {
        deepest = fork_of(&fixture, deepest);
    }
    let refused = fixture.workspace.fork(ForkOptions::of_copy(deepest));
    assert_eq!(kind(refused), ErrorKind::LimitExceeded);
    let above = fixture.workspace.copy(deepest).unwrap().parent.unwrap();
    for _ in 7..1_000 {
        fork_of(&fixture, above);
    }
    let refused = fixture.workspace.fork(ForkOptions::of_copy(top));
    assert_eq!(kind(refused), ErrorKind::LimitExceeded);
    // One that is closed makes room; those of others do not count.
    fixture.workspace.discard(deepest).unwrap();
    fork_of(&fixture, top);
    fork_of(&fixture, fixture.fork());
    fixture.workspace.discard(top).unwrap();
    assert_eq!(fixture.workspace.copies(true, None, 9).unwrap().len(), 2);
}

/// > The integrity check finds copies that are not where they may be: below none, below themselves, too deep, too many below one, or expiring after their parent.
#[test]
fn the_check_finds_copies_that_are_not_where_they_may_be() {
    type Damage = fn(&mut [CopyRecord]);
    let chained = |fixture: &Fixture, length: usize| {
        let mut chain = vec![fixture.fork()];
        while chain.len() < length {
            chain.push(fork_of(fixture, chain[chain.len() - 1]));
        }
        chain
    };
    let cases: [(usize, Damage, &[&str]); 8] = [
        (3, |_| {}, &[]),
        (
            2,
            |copies| copies[0].expires = Some(Timestamp::from_millis(i64::from(u32::MAX))),
            &["it expires later than its parent"],
        ),
        (
            2,
            |copies| {
                copies[0].expires = Some(Timestamp::from_millis(9_000_000));
                copies[1].expires = Some(Timestamp::from_millis(9_000_001));
            },
            &["it expires later than its parent"],
        ),
        (
            2,
            |copies| {
                copies[0].expires = Some(Timestamp::from_millis(9_000_000));
                copies[1].expires = copies[0].expires;
            },
            &[],
        ),
        // One below the other, in a ring, and its own parent.
        (
            3,
            |copies| {
                copies[1].parent = Some(copies[2].id);
                copies[1].top = copies[2].top;
            },
            &["it is below itself", "it is below itself"],
        ),
        (
            2,
            |copies| copies[1].parent = Some(copies[1].id),
            &["it is below itself"],
        ),
        // Below a ring, but not in it.
        (
            4,
            |copies| copies[1].parent = Some(copies[2].id),
            &["it is below itself", "it is below itself"],
        ),
        (2, |copies| copies[1].top = None, &["it is not below copy"]),
    ];
    for (length, damage, expected) in cases {
        let fixture = Fixture::new();
        let chain = chained(&fixture, length);
        tamper(&fixture, |rows| {
            let copies = chain.iter().map(|id| Ok(rows.copy(id)?.unwrap()));
            let mut copies = copies.collect::<Result<Vec<_>>>()?;
            damage(&mut copies);
            copies.iter().try_for_each(|copy| rows.put_copy(copy))
        });
        let found = problems(&fixture, FsckOptions::default());
        assert_eq!(found.len(), expected.len(), "{expected:?}: {found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.contains(expected), "{expected}: {found}");
        }
    }

    // Eight are one below the other: a ninth and what is below it are too many.
    let fixture = Fixture::new();
    let (above, below) = (chained(&fixture, 8), chained(&fixture, 2));
    assert_eq!(problems(&fixture, FsckOptions::default()), [""; 0]);
    tamper(&fixture, |rows| {
        for (id, parent) in [(below[0], above[7]), (below[1], below[0])] {
            let mut copy = rows.copy(&id)?.unwrap();
            (copy.parent, copy.top) = (Some(parent), Some(above[0]));
            rows.put_copy(&copy)?;
        }
        Ok(())
    });
    let found = problems(&fixture, FsckOptions::default());
    assert_eq!(found.len(), 2, "{found:?}");
    for (found, id) in found.iter().zip(&below) {
        let expected = format!("copy {id}: more than 8 copies are one below the other");
        assert!(found.starts_with(&expected), "{found}");
    }

    // A thousand below one are as many as may be.
    let fixture = Fixture::new();
    let top = fixture.fork();
    for _ in 0..1_000 {
        fork_of(&fixture, top);
    }
    assert_eq!(problems(&fixture, FsckOptions::default()), [""; 0]);
    let one_more = fixture.fork();
    tamper(&fixture, |rows| {
        let mut copy = rows.copy(&one_more)?.unwrap();
        (copy.parent, copy.top) = (Some(top), Some(top));
        rows.put_copy(&copy)
    });
    let found = problems(&fixture, FsckOptions::default());
    let expected = format!("copy {top}: 1001 open copies are below it");
    assert!(
        found.len() == 1 && found[0].starts_with(&expected),
        "{found:?}"
    );
}

/// A status says of the parent what an apply would: a time alone is no move.
#[test]
fn a_status_tells_what_an_apply_would_say() {
    let fixture = Fixture::new();
    let (parent, child) = family(&fixture);
    let moved = |id| fixture.workspace.status(id).unwrap().parent_moved;
    assert!(!moved(parent) && !moved(child));
    let touch = |at: At, file: &str, text: &str| {
        let how = WriteOptions::default().modified(Timestamp::from_millis(5));
        change(
            &fixture.workspace.files(at),
            vec![write_with(file, text, how)],
        )
        .unwrap();
    };
    // Another content, and the first again with another time.
    for (at, below, file) in [
        (At::Head, parent, "/head"),
        (At::Copy(parent), child, "/parent"),
    ] {
        let before = fixture.workspace.status(below).unwrap();
        touch(at, file, "other");
        assert!(moved(below));
        touch(at, file, &file[1..]);
        let after = fixture.workspace.status(below).unwrap();
        assert_ne!(before.parent_tree, after.parent_tree, "its time is another");
        assert_eq!(after.parent_version, before.parent_version + 2);
        assert!(!after.parent_moved);
        assert_eq!(after.copy, fixture.workspace.copy(below).unwrap());
        assert_eq!(after.head, fixture.workspace.head().unwrap());
    }
    apply(&fixture, child);
    assert_eq!(kind(fixture.workspace.status(child)), ErrorKind::Closed);
    apply(&fixture, parent);
}

/// One row is read for each copy above, and one for each below the topmost, which are
/// counted.
#[test]
fn a_fork_reads_a_row_for_each_copy_above_and_below_the_topmost() {
    let fixture = Fixture::new();
    let mut copy = fixture.fork();
    let mut cost = Vec::new();
    for _ in 1..8 {
        let metered = fixture.workspace.metered();
        copy = metered.fork(ForkOptions::of_copy(copy)).unwrap().id;
        cost.push(metered.receipt().rows_read);
    }
    // What is forked, those above it, and those below the topmost: where there are none,
    // they are looked for.
    assert_eq!(cost, [2, 3, 5, 7, 9, 11, 13]);
    let metered = fixture.workspace.metered();
    metered.fork(ForkOptions::default()).unwrap();
    assert_eq!(metered.receipt().rows_read, 0, "head is known");
}
