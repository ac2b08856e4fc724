use workspace_core::{
    ApplyOptions, At, DiffOptions, ForkOptions, Options, Receipt, RevisionId, RevisionMessage,
};

use crate::support::{Fixture, change, write};

/// A tree of `files` files, a hundred to a directory, at depth 3.
fn fixture(files: usize) -> Fixture {
    let fixture = Fixture::with(Options {
        node_cache: 0,
        ..Options::default()
    });
    let view = fixture.workspace.files(At::Head);
    let writes = (0..files).map(|n| write(&format!("/{}/{}/{n}", n / 10_000, n / 100 % 100), "x"));
    change(&view, writes.collect()).unwrap();
    fixture
}

/// > Fork, apply, discard, snapshot and restore read and write the same number of rows whatever the size of the tree.
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
    assert_eq!(costs[0], costs[1]);
    for receipt in costs[0] {
        assert!(
            receipt.rows_written <= 4 && receipt.rows_read <= 3,
            "{receipt:?}"
        );
        assert_eq!(receipt.nodes_read + receipt.nodes_written, 0, "{receipt:?}");
    }
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
    let options = DiffOptions {
        renames: false,
        ..DiffOptions::default()
    };
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
