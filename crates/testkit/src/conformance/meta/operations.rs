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
