//! What the garbage collection keeps: its place, its marks, its sweeps.

use workspace_core::store::{CollectionPhase, CollectionRecord, MetaStore, Sweep};
use workspace_core::{ContentId, GrantId, OperationId, RevisionId, TreeId};

use super::fixture::{blob_key, copy_id, empty, inline, object, plant, read, tree, write};

/// Asserts that a collection is kept in every phase.
pub fn collections(store: &dyn MetaStore) {
    empty(store);
    let content = ContentId::of(b"x");
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
        CollectionPhase::SweepNodes(None),
        CollectionPhase::SweepNodes(Some(tree(6))),
        CollectionPhase::SweepContents(None),
        CollectionPhase::SweepContents(Some(content)),
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

/// Asserts that nodes are marked once, and scanned once each.
pub fn marks(store: &dyn MetaStore) {
    empty(store);
    let take = |limit| write(store, |tx| tx.take_unscanned(limit));
    assert_eq!(take(5), []);
    for n in 1..=7 {
        assert!(write(store, |tx| tx.mark_node(&tree(n))), "new");
        assert!(!write(store, |tx| tx.mark_node(&tree(n))), "marked");
    }
    assert_eq!(take(0), []);
    let mut taken = take(3);
    assert_eq!(taken.len(), 3);
    let known = taken[0];
    assert!(
        !write(store, |tx| tx.mark_node(&known)),
        "scanned is marked"
    );
    taken.extend(take(2));
    taken.extend(take(usize::MAX));
    taken.sort_unstable();
    let all: Vec<TreeId> = (1..=7).map(tree).collect();
    assert_eq!(taken, all, "each is taken once");
    assert_eq!(take(5), []);

    write(store, |tx| {
        tx.mark_node(&tree(8))?;
        tx.mark_content(&ContentId::of(b"absent"))?;
        tx.mark_content(&ContentId::of(b"absent"))?;
        assert_eq!(tx.take_unscanned(9)?, [tree(8)], "in the transaction");
        tx.mark_node(&tree(9))
    });

    // Nine marks are nodes and one is a content; whichever goes first.
    let mut rounds = 0;
    while write(store, |tx| tx.clear_marks(4)) {
        rounds += 1;
        assert!(rounds < 10, "clearing ends");
    }
    assert!(rounds >= 2, "a round deletes no more than its limit");
    assert!(!write(store, |tx| tx.clear_marks(4)), "none are left");
    assert_eq!(take(5), [], "a cleared mark is not scanned");
    assert!(write(store, |tx| tx.mark_node(&tree(1))), "new again");
    write(store, |tx| tx.clear_marks(usize::MAX));
}

/// Asserts that sweeps look at every stored row once, and return those without a mark.
pub fn sweeps(store: &dyn MetaStore) {
    empty(store);
    let kept = read(store, |tx| tx.head()).map(|head| head.tree);
    let ids = [1, 2, 5, 0x7fff_ffff_ffff_ffff, 0x8000_0000_0000_0000, !0];
    plant(store, ids);
    let mut contents = vec![inline(b"a"), inline(b"b"), object("c", 1), object("d", 2)];
    contents.sort_by_key(|(id, _)| *id);
    write(store, |tx| {
        for (id, content) in &contents {
            tx.put_content(id, content)?;
        }
        // Marks of rows that do not exist are nobody's business.
        tx.mark_node(&tree(3))?;
        tx.mark_content(&ContentId::of(b"absent"))?;
        tx.mark_node(&tree(2))?;
        tx.mark_node(&tree(ids[4]))?;
        tx.take_unscanned(1)?;
        tx.mark_content(&contents[1].0)
    });
    let unmarked = [1, 5, ids[3], ids[5]].map(tree);
    for limit in [1, 2, 3, 100, usize::MAX] {
        let nodes = every_page(limit, |after| {
            read(store, |tx| tx.unmarked_nodes(after, limit))
        });
        let nodes = nodes.into_iter().filter(|id| Some(*id) != kept);
        assert_eq!(nodes.collect::<Vec<_>>(), unmarked, "pages of {limit}");
        let found = every_page(limit, |after| {
            read(store, |tx| tx.unmarked_contents(after, limit))
        });
        let wanted = [contents[0].0, contents[2].0, contents[3].0];
        assert_eq!(found, wanted, "pages of {limit}");
    }
    let end = read(store, |tx| tx.unmarked_nodes(Some(&tree(!0)), 5));
    assert_eq!((end.unmarked, end.last), (vec![], None), "at the end");

    // Rows that the sweep deletes do not disturb the next page.
    let first = read(store, |tx| tx.unmarked_contents(None, 1));
    assert_eq!(first.last, Some(contents[0].0));
    write(store, |tx| tx.delete_content(&contents[0].0));
    let second = read(store, |tx| tx.unmarked_contents(first.last.as_ref(), 1));
    assert_eq!(
        (second.unmarked, second.last),
        (vec![], Some(contents[1].0))
    );
    write(store, |tx| tx.clear_marks(usize::MAX));
    let all = read(store, |tx| tx.unmarked_contents(None, 9));
    assert_eq!(all.unmarked.len(), 3, "without marks all are unmarked");
}

fn every_page<Id: Copy + Ord>(
    limit: usize,
    mut page: impl FnMut(Option<&Id>) -> Sweep<Id>,
) -> Vec<Id> {
    let mut found = Vec::new();
    let mut last = None;
    loop {
        let next = page(last.as_ref());
        assert!(next.unmarked.len() <= next.looked && next.looked <= limit);
        assert_eq!(next.looked == 0, next.last.is_none());
        assert!(next.unmarked.iter().all(|id| Some(*id) <= next.last));
        found.extend(next.unmarked);
        match next.last {
            Some(id) => {
                assert!(last < Some(id), "sweeps go forward");
                last = Some(id);
            }
            None => return found,
        }
    }
}
