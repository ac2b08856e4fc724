//! What the garbage collection keeps: its place, its marks, its sweeps.

use std::collections::BTreeSet;

use workspace_core::store::{CollectionPhase, CollectionRecord, Marked, MetaStore, Swept};
use workspace_core::{GrantId, OperationId, RevisionId, TreeId};

use super::fixture::{blob_key, copy_id, empty, inline, object, plant, read, tree, write};

/// Asserts that a collection is kept in every phase.
pub fn collections(store: &dyn MetaStore) {
    empty(store);
    let phases = [
        CollectionPhase::Done,
        CollectionPhase::Clear,
        CollectionPhase::Events,
        CollectionPhase::Grants(None),
        CollectionPhase::Grants(Some(GrantId::from_bytes([0xfe; 16]))),
        CollectionPhase::Revisions(None),
        CollectionPhase::Revisions(Some(RevisionId::new(5))),
        CollectionPhase::Copies(None),
        CollectionPhase::Copies(Some(copy_id(0xff))),
        CollectionPhase::Operations(copy_id(0), None),
        CollectionPhase::Operations(copy_id(3), Some(OperationId::new(8))),
        CollectionPhase::Scan,
        CollectionPhase::Sweep(0),
        CollectionPhase::Sweep(77),
        CollectionPhase::SweepObjects(None),
        CollectionPhase::SweepObjects(Some(blob_key("k0"))),
    ];
    assert_eq!(read(store, |tx| tx.collection()), None);
    for (n, phase) in (0..).zip(phases) {
        let record = CollectionRecord {
            phase,
            began: 3 * n,
            nodes: n,
            contents: 2 * n,
        };
        write(store, |tx| {
            tx.set_collection(Some(&record))?;
            assert_eq!(tx.collection()?.as_ref(), Some(&record));
            Ok(())
        });
        assert_eq!(read(store, |tx| tx.collection()), Some(record));
    }
    write(store, |tx| tx.set_collection(None));
    assert_eq!(read(store, |tx| tx.collection()), None);
    write(store, |tx| tx.set_collection(None));
}

/// Asserts that what is stored is marked once, and that nodes are scanned once each.
pub fn marks(store: &dyn MetaStore) {
    empty(store);
    let take = |limit| write(store, |tx| tx.take_unscanned(limit));
    let mark = |n| write(store, |tx| tx.mark_node(&tree(n)));
    let is_marked = |n| read(store, |tx| tx.is_marked(&tree(n)));
    assert_eq!(take(5), []);
    assert_eq!(mark(1), Marked::Missing, "nothing is stored under it");
    plant(store, 1..=7);
    for n in 1..=7 {
        assert!(!is_marked(n));
        assert_eq!(mark(n), Marked::New);
        assert_eq!(mark(n), Marked::Already);
        assert!(is_marked(n));
    }
    assert!(!is_marked(8));
    assert_eq!(take(0), []);
    let mut taken = take(3);
    assert_eq!(taken.len(), 3);
    let known = taken[0];
    let again = write(store, |tx| tx.mark_node(&known));
    assert_eq!(again, Marked::Already, "scanned is marked");
    taken.extend(take(2));
    taken.extend(take(usize::MAX));
    taken.sort_unstable();
    let all: Vec<TreeId> = (1..=7).map(tree).collect();
    assert_eq!(taken, all, "each is taken once");
    assert_eq!(take(5), []);

    let (content, record) = inline(b"marked");
    write(store, |tx| {
        tx.put_node(&tree(8), b"node 8")?;
        assert_eq!(tx.mark_node(&tree(8))?, Marked::New, "in the transaction");
        assert!(tx.is_marked(&tree(8))?);
        assert_eq!(tx.mark_content(&content)?, Marked::Missing);
        tx.put_content(&content, &record)?;
        assert_eq!(tx.mark_content(&content)?, Marked::New);
        assert_eq!(tx.mark_content(&content)?, Marked::Already);
        assert_eq!(tx.take_unscanned(9)?, [tree(8)], "in the transaction");
        tx.put_node(&tree(9), b"node 9")?;
        tx.mark_node(&tree(9))
    });
    assert_eq!(
        write(store, |tx| tx.mark_content(&content)),
        Marked::Already
    );

    let mut rounds = 0;
    while write(store, |tx| tx.clear_marks(1)) {
        rounds += 1;
        assert!(rounds < 20, "clearing ends");
    }
    assert!(!write(store, |tx| tx.clear_marks(4)), "none are left");
    assert_eq!(take(5), [], "a cleared mark is not scanned");
    assert!(!is_marked(1));
    assert_eq!(mark(1), Marked::New, "new again");
    write(store, |tx| tx.clear_marks(usize::MAX));
}

/// Asserts that more nodes wait to be scanned than fit into memory or a row, and
/// that none gets lost or comes twice.
pub fn many_marks(store: &dyn MetaStore) {
    empty(store);
    let all = 1..=1000;
    plant(store, all.clone());
    for n in all.clone() {
        // Some transactions mark one, some many.
        if n % 7 < 2 {
            write(store, |tx| tx.mark_node(&tree(n)));
        }
    }
    write(store, |tx| {
        for n in all.clone() {
            let marked = tx.mark_node(&tree(n))?;
            assert_eq!(marked == Marked::Already, n % 7 < 2, "{n}");
        }
        Ok(())
    });
    let mut taken = BTreeSet::new();
    for limit in (1..50).cycle() {
        let page = write(store, |tx| tx.take_unscanned(limit));
        assert!(page.len() <= limit);
        if page.is_empty() {
            break;
        }
        let before = taken.len();
        let page_len = page.len();
        taken.extend(page);
        assert_eq!(taken.len(), before + page_len, "one was taken twice");
    }
    assert_eq!(taken, all.map(tree).collect());
    mark_head(store);
    let swept = sweep_all(store, 77);
    assert_eq!((swept.nodes, swept.contents), (0, 0));
    empty(store);
}

/// Asserts that sweeps look at everything that is stored once, and delete what has
/// no mark.
pub fn sweeps(store: &dyn MetaStore) {
    let ids = [1, 2, 5, 0x7fff_ffff_ffff_ffff, 0x8000_0000_0000_0000, !0];
    for limit in [1, 2, 3, 100, usize::MAX] {
        empty(store);
        let head = read(store, |tx| tx.head()).map(|head| head.tree);
        let contents = [inline(b"a"), inline(b"b"), object("c", 1), object("d", 2)];
        plant(store, ids);
        write(store, |tx| {
            for (id, content) in &contents {
                tx.put_content(id, content)?;
            }
            if let Some(head) = &head {
                tx.mark_node(head)?;
            }
            tx.mark_node(&tree(2))?;
            tx.mark_node(&tree(ids[4]))?;
            tx.take_unscanned(1)?;
            tx.mark_content(&contents[1].0)?;
            tx.mark_content(&contents[3].0)
        });
        let swept = sweep_all(store, limit);
        assert_eq!((swept.nodes, swept.contents), (4, 2), "steps of {limit}");
        assert_eq!(swept.objects, [blob_key("c")], "steps of {limit}");
        assert_eq!(swept.looked, 10 + usize::from(head.is_some()));
        let mut nodes = read(store, |tx| tx.nodes(None, 99));
        nodes.retain(|id| Some(*id) != head);
        assert_eq!(nodes, [tree(2), tree(ids[4])], "steps of {limit}");
        let mut kept = [contents[1].0, contents[3].0];
        kept.sort_unstable();
        assert_eq!(read(store, |tx| tx.contents(None, 99)), kept);
        for (id, content) in [&contents[1], &contents[3]] {
            let found = read(store, |tx| tx.content(id));
            assert_eq!(found.as_ref(), Some(content), "steps of {limit}");
        }
        let node = read(store, |tx| tx.node(&tree(2)));
        assert_eq!(node.as_deref(), Some(&b"node 2"[..]));
        assert!(!read(store, |tx| tx.has_object(&blob_key("c"))));

        // What was deleted is new again, and lies behind what is there.
        assert!(write(store, |tx| tx.put_node(&tree(1), b"node 1")));
        assert_eq!(sweep_all(store, limit).nodes, 1, "it has no mark");
    }
    empty(store);
}

/// Asserts that a sweep sees what is stored while it goes on, where it has no mark.
pub fn sweeps_beside_writers(store: &dyn MetaStore) {
    empty(store);
    plant(store, 1..=200);
    mark_head(store);
    let first = write(store, |tx| tx.sweep(0, 10));
    let after = first.last.expect("there is more");
    assert!(first.looked >= 10);
    plant(store, [1, 2, 300]);
    write(store, |tx| tx.mark_node(&tree(2)));
    let mut last = Some(after);
    while let Some(after) = last {
        let swept = write(store, |tx| tx.sweep(after, 50));
        assert!(swept.last.is_none_or(|last| last > after), "it goes on");
        last = swept.last;
    }
    let left = read(store, |tx| tx.nodes(None, 99));
    assert!(left.contains(&tree(2)));
    for gone in [1, 3, 200, 300] {
        assert!(!left.contains(&tree(gone)), "{gone}");
    }
    empty(store);
}

fn mark_head(store: &dyn MetaStore) {
    write(store, |tx| match tx.head()? {
        Some(head) => tx.mark_node(&head.tree).map(drop),
        None => Ok(()),
    });
}

/// Sweeps in steps of `limit`, and adds up what they did.
fn sweep_all(store: &dyn MetaStore, limit: usize) -> Swept {
    let mut total = Swept::default();
    let mut after = 0;
    loop {
        let swept = write(store, |tx| tx.sweep(after, limit));
        total.nodes += swept.nodes;
        total.contents += swept.contents;
        total.objects.extend(swept.objects);
        total.looked += swept.looked;
        match swept.last {
            Some(last) => {
                assert!(last > after, "sweeps go forward");
                after = last;
            }
            None => return total,
        }
    }
}
