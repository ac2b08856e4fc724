//! Operations of copies.

use workspace_core::store::{MetaStore, OperationCause, OperationRecord};
use workspace_core::{OperationId, Timestamp};

use super::fixture::{copy_id, empty, open_copy, operation, plant, read, tree, write};

/// Asserts that operations are kept with every field, by copy and id.
pub fn operations(store: &dyn MetaStore) {
    empty(store);
    plant(store, [1, 2, 3]);
    let (one, two) = (copy_id(1), copy_id(2));
    write(store, |tx| {
        tx.put_copy(&open_copy(1))?;
        tx.put_copy(&open_copy(2))
    });
    let causes = [
        OperationCause::Edit,
        OperationCause::Import,
        OperationCause::Rebase(0),
        OperationCause::Rebase(77),
        OperationCause::Undo(OperationId::new(2)),
    ];
    for (n, cause) in (1..).zip(causes) {
        let record = OperationRecord {
            cause,
            before: tree(2),
            after: tree(3),
            at: Timestamp::from_millis(-5),
            ..operation(n)
        };
        assert_eq!(read(store, |tx| tx.operation(&one, record.id)), None);
        write(store, |tx| {
            tx.put_operation(&one, &record)?;
            assert_eq!(tx.operation(&one, record.id)?.as_ref(), Some(&record));
            Ok(())
        });
        let back = read(store, |tx| tx.operation(&one, record.id));
        assert_eq!(back, Some(record.clone()));
        assert_eq!(read(store, |tx| tx.operation(&two, record.id)), None);
    }
    let replaced = OperationRecord {
        actor: String::new(),
        note: "again".into(),
        ..operation(2)
    };
    write(store, |tx| {
        tx.put_operation(&two, &operation(2))?;
        tx.put_operation(&one, &replaced)
    });
    let of = |copy| read(store, |tx| tx.operations(&copy, None, 100));
    assert_eq!(of(one).len(), causes.len());
    assert_eq!(of(one)[1], replaced);
    assert_eq!(of(two), [operation(2)]);
    write(store, |tx| tx.delete_copy(&one));
    assert_eq!(of(one), []);
    assert_eq!(of(two), [operation(2)], "another copy's stay");
}

/// Asserts that pages of operations are in id order, oldest first.
pub fn operation_pages(store: &dyn MetaStore) {
    empty(store);
    plant(store, [1]);
    let ids = [1, 2, 3, 9, 10, 11, 255, 256, 1 << 40];
    write(store, |tx| {
        for n in 1..=3 {
            tx.put_copy(&open_copy(n))?;
            for id in ids.iter().rev() {
                tx.put_operation(&copy_id(n), &operation(*id))?;
            }
        }
        Ok(())
    });
    let page = |after: Option<OperationId>, limit| {
        let page = read(store, |tx| tx.operations(&copy_id(2), after, limit));
        page.iter()
            .map(|operation| operation.id.get())
            .collect::<Vec<_>>()
    };
    for limit in [1, 2, 4, usize::MAX] {
        let mut found: Vec<u64> = Vec::new();
        loop {
            let next = page(found.last().map(|id| OperationId::new(*id)), limit);
            assert!(next.len() <= limit);
            if next.is_empty() {
                break;
            }
            found.extend(next);
        }
        assert_eq!(found, ids, "pages of {limit}");
    }
    assert_eq!(page(None, 0), [0; 0]);
    assert_eq!(page(Some(OperationId::new(5)), 2), [9, 10]);
    let nobody = read(store, |tx| tx.operations(&copy_id(9), None, 9));
    assert_eq!(nobody, []);
}

/// Asserts that operations are deleted from the oldest on, and of one copy only.
pub fn operation_deletion(store: &dyn MetaStore) {
    empty(store);
    plant(store, [1]);
    write(store, |tx| {
        for copy in [1, 2] {
            tx.put_copy(&open_copy(copy))?;
            (1..=5).try_for_each(|n| tx.put_operation(&copy_id(copy), &operation(n)))?;
        }
        Ok(())
    });
    let delete = |limit| write(store, |tx| tx.delete_operations(&copy_id(1), limit));
    let left = |copy| {
        let left = read(store, |tx| tx.operations(&copy_id(copy), None, 9));
        left.iter().map(|found| found.id.get()).collect::<Vec<_>>()
    };
    assert_eq!((delete(0), left(1)), (0, vec![1, 2, 3, 4, 5]));
    assert_eq!((delete(2), left(1)), (2, vec![3, 4, 5]));
    assert_eq!((delete(usize::MAX), left(1)), (3, vec![]));
    assert_eq!((delete(1), left(2)), (0, vec![1, 2, 3, 4, 5]));
}
