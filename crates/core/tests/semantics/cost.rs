use workspace_core::{
    ApplyOptions, At, Author, Change, CopyId, DiffOptions, ErrorKind, ForkOptions, OperationId,
    Options, Receipt, RevisionId, RevisionMessage,
};

use crate::support::{Fixture, change, kind, path, write};

/// A tree of `files` files, a hundred to a directory, at depth 3.
fn fixture(files: usize) -> Fixture {
    let fixture = Fixture::with(Options::default().node_cache(0));
    let view = fixture.workspace.files(At::Head);
    let writes = (0..files).map(|n| write(&format!("/{}/{}/{n}", n / 10_000, n / 100 % 100), "x"));
    change(&view, writes.collect()).unwrap();
    fixture
}

/// > Fork, apply, discard, snapshot and restore read and write the same number of rows whatever the size of the tree; apply reads nodes, down to the first path that differs.
#[test]
fn publishing_costs_the_same_at_any_size() {
    let costs = [10, 20_000].map(|files| {
        let fixture = fixture(files);
        let workspace = &fixture.workspace;
        let costs = |call: &dyn Fn(&workspace_core::Workspace)| -> Receipt {
            let metered = workspace.metered();
            call(&metered);
            metered.receipt()
        };
        let (one, two) = (fixture.fork(), fixture.fork());
        fixture.write(At::Copy(one), "/0/0/1", "y");
        [
            costs(&|w| assert!(w.snapshot(RevisionMessage::default()).is_ok())),
            costs(&|w| assert!(w.fork(ForkOptions::default()).is_ok())),
            costs(&|w| assert!(w.apply(one, ApplyOptions::default()).is_ok())),
            costs(&|w| assert!(w.discard(two).is_ok())),
            costs(&|w| {
                let back = w.restore(RevisionId::new(1), RevisionMessage::default());
                assert!(back.is_ok());
            }),
        ]
    });
    let rows = |costs: [Receipt; 5]| costs.map(|cost| (cost.rows_read, cost.rows_written));
    assert_eq!(rows(costs[0]), rows(costs[1]));
    for receipt in costs[1] {
        assert!(
            receipt.rows_written <= 4 && receipt.rows_read <= 3,
            "{receipt:?}"
        );
        assert_eq!(receipt.nodes_written, 0, "{receipt:?}");
    }
    // The way to the path on both sides: three directories of two levels.
    let read = costs[1].map(|receipt| receipt.nodes_read);
    assert!((1..=12).contains(&read[2]), "{read:?}");
    assert_eq!([read[0], read[1], read[3], read[4]], [0; 4], "{read:?}");
}

/// > One write reads and writes nodes in proportion to the depth of the tree.
#[test]
fn a_write_costs_the_depth() {
    let fixture = fixture(20_000);
    let metered = fixture.workspace.metered();
    let files = metered.files(At::Head);
    change(&files, vec![write("/1/7/10742", "y")]).unwrap();
    let receipt = metered.receipt();
    // Three directories of two levels each at most.
    assert!((3..=6).contains(&receipt.nodes_written), "{receipt:?}");
    assert!(receipt.nodes_read <= 30, "{receipt:?}");
    assert_eq!(
        (receipt.commits, receipt.rows_written),
        (1, 3),
        "content, head and event: {receipt:?}"
    );
}

/// > A diff reads nodes in proportion to what differs.
#[test]
fn a_diff_costs_what_differs() {
    let reads = [200, 20_000].map(|files| {
        let fixture = fixture(files);
        let copy = At::Copy(fixture.fork());
        fixture.write(copy, "/0/1/150", "y");
        let metered = fixture.workspace.metered();
        let found = metered
            .diff(At::Head, copy, &DiffOptions::default())
            .unwrap();
        assert_eq!(found.len(), 1);
        metered.receipt().nodes_read
    });
    assert!(reads[1] <= reads[0] + 4, "{reads:?}");
}

/// > A page of a diff without renames reads nodes in proportion to what it lists, wherever it begins.
#[test]
fn a_page_of_a_diff_costs_what_it_lists() {
    let fixture = fixture(20_000);
    let copy = At::Copy(fixture.fork());
    fixture.remove(copy, "/0");
    fixture.remove(copy, "/1");
    let options = DiffOptions::default().renames(false);
    let all = fixture.workspace.diff(At::Head, copy, &options).unwrap();
    assert_eq!(all.len(), 20_000 + 200 + 2);
    assert!(all.is_sorted_by(|a, b| a.path < b.path));
    for start in [0_usize, 1, 77, 5_000, 10_100, 20_150] {
        let metered = fixture.workspace.metered();
        let after = start.checked_sub(1).map(|last| &all[last].path);
        let page = metered.diff_page(At::Head, copy, &options, after, 50);
        assert_eq!(page.unwrap(), all[start..start + 50]);
        let receipt = metered.receipt();
        assert!(receipt.nodes_read <= 20, "from {start}: {receipt:?}");
    }
}

/// > Undoing the newest operation, and rebasing where the copy or head is as it was, read one node, whatever was changed.
#[test]
fn what_has_not_moved_costs_nothing() {
    let fixture = fixture(10_000);
    let author = Author::default();
    let metered = fixture.workspace.metered();
    let nodes_of = |call: &dyn Fn()| {
        let before = metered.receipt();
        call();
        let after = metered.receipt() - before;
        assert_eq!(after.nodes_written, 0, "{after:?}");
        after.nodes_read
    };
    let copy = fixture.fork();
    let at = At::Copy(copy);
    let before = fixture.workspace.copy(copy).unwrap().tree;
    let writes = (0..10_000).map(|n| write(&format!("/new/{}/{n}", n / 100), "y"));
    change(&fixture.workspace.files(at), writes.collect()).unwrap();
    let after = fixture.workspace.copy(copy).unwrap().tree;
    let undone = nodes_of(&|| assert!(metered.undo(copy, OperationId::new(1), &author).is_ok()));
    assert_eq!(undone, 1);
    assert_eq!(fixture.workspace.copy(copy).unwrap().tree, before);
    metered.undo(copy, OperationId::new(2), &author).unwrap();
    assert_eq!(fixture.workspace.copy(copy).unwrap().tree, after);

    // Head has moved and moved back; then it has moved under a copy without changes.
    fixture.write(At::Head, "/more", "1");
    fixture.remove(At::Head, "/more");
    let back = nodes_of(&|| assert!(metered.rebase(copy, &author).is_ok()));
    assert_eq!(back, 1);
    let untouched = fixture.fork();
    fixture.remove(At::Head, "/0/1");
    let head = fixture.workspace.head().unwrap().tree;
    let moved = nodes_of(&|| assert!(metered.rebase(untouched, &author).is_ok()));
    assert_eq!(moved, 1);
    assert_eq!(fixture.workspace.copy(untouched).unwrap().tree, head);
}

/// Puts a file at 2^40 paths of a copy, in one batch.
fn multiply(fixture: &Fixture, copy: CopyId) -> workspace_core::Result<()> {
    let mut changes = vec![write("/x/f", "1")];
    for _ in 0..40 {
        let (x, y) = (path("/x"), path("/y"));
        let parents = false;
        let replace = false;
        changes.push(Change::Mkdir {
            path: y.clone(),
            parents,
        });
        let to = path("/y/a");
        changes.push(Change::Copy {
            from: x.clone(),
            to,
            replace,
        });
        let to = path("/y/b");
        changes.push(Change::Rename {
            from: x.clone(),
            to,
            replace,
        });
        changes.push(Change::Rename {
            from: y,
            to: x,
            replace,
        });
    }
    change(&fixture.workspace.files(At::Copy(copy)), changes).map(|_| ())
}

/// > Of a directory that is at very many paths, a conflict, a diff, a rebase and an undo are answered or fail with `LimitExceeded` within 1,000 nodes.
#[test]
fn a_tree_of_many_shared_paths_ends() {
    let fixture = Fixture::with(Options::default().max_entries(u64::MAX));
    let author = Author::default();
    let copy = fixture.fork();
    multiply(&fixture, copy).unwrap();
    fixture.write(At::Head, "/head", "1");
    let metered = fixture.workspace.metered();
    let (head, at) = (At::Head, At::Copy(copy));

    let error = metered.apply(copy, ApplyOptions::default()).unwrap_err();
    let conflict = error.conflict().unwrap();
    let directories = (1_u64 << 41) - 1;
    assert_eq!((conflict.parent.count, conflict.both.count), (1, 0));
    assert_eq!(conflict.copy.count, directories + (1 << 40));
    assert_eq!(conflict.copy.paths.len(), workspace_core::Conflict::LISTED);

    let diff = metered.diff(head, at, &DiffOptions::default());
    assert_eq!(kind(diff), ErrorKind::LimitExceeded);
    let options = DiffOptions::default().renames(false);
    let page = metered.diff_page(head, at, &options, None, 500).unwrap();
    assert_eq!(page.len(), 500);
    let all = metered.diff_page(head, at, &options, None, usize::MAX);
    assert_eq!(kind(all), ErrorKind::LimitExceeded);

    metered.rebase(copy, &author).unwrap();
    fixture.write(at, "/later", "1");
    metered.undo(copy, OperationId::new(1), &author).unwrap();
    assert_eq!(fixture.paths(at), ["/head", "/later"]);
    metered.undo(copy, OperationId::new(4), &author).unwrap();

    // Both sides change the file at all of its paths.
    metered.apply(copy, ApplyOptions::default()).unwrap();
    let copy = fixture.fork();
    let all = |at, seed: &str| {
        fixture.remove(at, "/x");
        let Some(to) = (match at {
            At::Copy(copy) => Some(copy),
            _ => None,
        }) else {
            fixture.write(at, "/x", seed);
            return;
        };
        multiply(&fixture, to).unwrap();
        fixture.write(at, &format!("/x{}/f", "/a".repeat(40)), seed);
    };
    all(At::Copy(copy), "2");
    all(At::Head, "3");
    let error = metered.rebase(copy, &author).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let read = metered.receipt().nodes_read;
    assert!(read <= 1_000, "{read} nodes");
}

/// What is in one answer is bounded; what is paged is not.
#[test]
fn a_diff_takes_no_more_memory_than_it_may() {
    let fixture = Fixture::with(Options::default().max_diff(64 << 10));
    let files = |count: usize| {
        (0..count)
            .map(|n| write(&format!("/{n:05}"), "text"))
            .collect()
    };
    let copy = At::Copy(fixture.fork());
    let view = fixture.workspace.files(copy);
    let diff = |renames| {
        let options = DiffOptions::default().renames(renames);
        fixture.workspace.diff(At::Head, copy, &options)
    };
    change(&view, files(100)).unwrap();
    assert_eq!(diff(true).unwrap().len(), 100);
    change(&view, files(1_000)).unwrap();
    for renames in [true, false] {
        assert_eq!(kind(diff(renames)), ErrorKind::LimitExceeded);
    }
    let options = DiffOptions::default().renames(false);
    // As many as it says that there was room for are a page of their own, and not one more.
    let said = diff(false).unwrap_err().detail().unwrap().to_string();
    let room = said.split(' ').find_map(|word| word.parse::<usize>().ok());
    let room = room.unwrap();
    assert!((100..1_000).contains(&room), "{said}");
    let page = |limit| {
        let workspace = &fixture.workspace;
        workspace.diff_page(At::Head, copy, &options, None, limit)
    };
    assert_eq!(page(room).unwrap().len(), room);
    assert_eq!(kind(page(room + 1)), ErrorKind::LimitExceeded);
    let mut found = Vec::new();
    loop {
        let after = found.last();
        let page = fixture
            .workspace
            .diff_page(At::Head, copy, &options, after, 50);
        let page = page.unwrap();
        if page.is_empty() {
            break;
        }
        found.extend(page.into_iter().map(|difference| difference.path));
    }
    assert_eq!(found.len(), 1_000);
}
