//! Revisions.

use workspace_core::store::{MetaStore, RevisionCause, RevisionRecord};
use workspace_core::{RevisionId, Timestamp};

use super::fixture::{copy_id, empty, plant, read, revision, tree, write};

/// Asserts that a revision is kept with every field, and replaced by id.
pub fn revisions(store: &dyn MetaStore) {
    empty(store);
    plant(store, [1, 2]);
    let causes = [
        RevisionCause::Snapshot,
        RevisionCause::Apply(copy_id(0xfe)),
        RevisionCause::ApplyInPart(copy_id(0xfe)),
        RevisionCause::Restore(RevisionId::new(1)),
    ];
    for (n, cause) in (1..).zip(causes) {
        let record = RevisionRecord {
            parent: (n > 1).then(|| RevisionId::new(n - 1)),
            tree: tree(2),
            version: n + 40,
            cause,
            at: Timestamp::from_millis(-9),
            metadata: [("key".to_string(), "value".to_string())].into(),
            ..revision(n)
        };
        assert_eq!(read(store, |tx| tx.revision(record.id)), None);
        write(store, |tx| {
            tx.put_revision(&record)?;
            assert_eq!(tx.revision(record.id)?.as_ref(), Some(&record));
            Ok(())
        });
        assert_eq!(read(store, |tx| tx.revision(record.id)), Some(record));
    }
    let replaced = RevisionRecord {
        tree: tree(2),
        actor: String::new(),
        message: "again".into(),
        ..revision(2)
    };
    write(store, |tx| tx.put_revision(&replaced));
    assert_eq!(read(store, |tx| tx.revision(replaced.id)), Some(replaced));
    assert_eq!(read(store, |tx| tx.revisions(None, 9)).len(), 4);

    write(store, |tx| tx.delete_revision(RevisionId::new(2)));
    write(store, |tx| tx.delete_revision(RevisionId::new(2)));
    let left = read(store, |tx| tx.revisions(None, 9));
    let left: Vec<_> = left.iter().map(|revision| revision.id.get()).collect();
    assert_eq!(left, [4, 3, 1]);
}

/// Asserts that pages of revisions are newest first, or oldest first if asked for.
pub fn revision_pages(store: &dyn MetaStore) {
    empty(store);
    plant(store, [1]);
    let ids = [1, 2, 9, 10, 255, 256, 1 << 40];
    write(store, |tx| {
        ids.iter()
            .try_for_each(|id| tx.put_revision(&revision(*id)))
    });
    let page = |before: Option<u64>, limit| {
        let before = before.map(RevisionId::new);
        let page = read(store, |tx| tx.revisions(before, limit));
        page.iter()
            .map(|revision| revision.id.get())
            .collect::<Vec<_>>()
    };
    let newest_first: Vec<u64> = ids.iter().rev().copied().collect();
    for limit in [1, 3, 7, usize::MAX] {
        let mut found: Vec<u64> = Vec::new();
        loop {
            let next = page(found.last().copied(), limit);
            assert!(next.len() <= limit);
            if next.is_empty() {
                break;
            }
            found.extend(next);
        }
        assert_eq!(found, newest_first, "pages of {limit}");
    }
    for limit in [0, 1, 3, usize::MAX] {
        let oldest = read(store, |tx| tx.oldest_revisions(limit));
        let oldest: Vec<_> = oldest.iter().map(|revision| revision.id.get()).collect();
        assert_eq!(oldest, ids[..limit.min(ids.len())], "the oldest {limit}");
    }
    assert_eq!(page(None, 0), [0; 0]);
    assert_eq!(page(Some(1), 5), [0; 0]);
    assert_eq!(page(Some(100), 2), [10, 9], "before an id that nobody has");
}
