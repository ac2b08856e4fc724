//! Working copies.

use workspace_core::store::{
    AppliedAs, CopyRecord, CopyState, MetaStore, OperationCause, OperationRecord,
};
use workspace_core::{OperationId, RevisionId, Timestamp};

use super::fixture::{copy_id, empty, open_copy, operation, plant, read, tree, write};

/// Asserts that a copy is kept with every field, and replaced by id.
pub fn copies(store: &dyn MetaStore) {
    empty(store);
    plant(store, [1, 2]);
    let plain = open_copy(1);
    let changed = CopyRecord {
        name: Some("draft".into()),
        base_version: 9,
        base: tree(2),
        tree: tree(2),
        generation: 4,
        operation: Some(OperationId::new(3)),
        modified: Timestamp::from_millis(-7),
        expires: Some(Timestamp::from_millis(0)),
        ..plain.clone()
    };
    let applied = CopyRecord {
        state: CopyState::Applied(AppliedAs::Revision(RevisionId::new(12))),
        expires: None,
        ..changed.clone()
    };
    let discarded = CopyRecord {
        state: CopyState::Discarded,
        ..open_copy(2)
    };
    assert_eq!(read(store, |tx| tx.copy(&plain.id)), None);
    write(store, |tx| tx.put_copy(&plain));
    assert_eq!(read(store, |tx| tx.copy(&plain.id)), Some(plain));
    write(store, |tx| {
        let mut newest = operation(3);
        newest.after = tree(2);
        tx.put_operation(&changed.id, &newest)?;
        tx.put_copy(&changed)?;
        assert_eq!(tx.copy(&changed.id)?.as_ref(), Some(&changed));
        Ok(())
    });
    assert_eq!(read(store, |tx| tx.copy(&changed.id)), Some(changed));
    write(store, |tx| {
        tx.put_copy(&applied)?;
        tx.put_copy(&discarded)
    });
    let both = [applied.clone(), discarded.clone()];
    assert_eq!(read(store, |tx| tx.copies(false, None, 9)), both);
    assert_eq!(read(store, |tx| tx.copies(true, None, 9)), []);

    write(store, |tx| tx.delete_copy(&applied.id));
    write(store, |tx| tx.delete_copy(&applied.id));
    assert_eq!(read(store, |tx| tx.copy(&applied.id)), None);
    let operations = read(store, |tx| tx.operations(&applied.id, None, 9));
    assert_eq!(operations, [], "they go with their copy");
    assert_eq!(read(store, |tx| tx.copies(false, None, 9)), [discarded]);
}

/// Asserts that a move replaces what a change moves, and nothing else.
pub fn copy_moves(store: &dyn MetaStore) {
    empty(store);
    plant(store, [1, 2, 3]);
    let old = CopyRecord {
        name: Some("draft".into()),
        expires: Some(Timestamp::from_millis(9_000)),
        ..open_copy(1)
    };
    let moved = CopyRecord {
        base_version: 5,
        base: tree(2),
        tree: tree(3),
        generation: 7,
        operation: Some(OperationId::new(1)),
        modified: Timestamp::from_millis(8_000),
        ..old.clone()
    };
    write(store, |tx| {
        tx.put_copy(&old)?;
        tx.put_copy(&open_copy(2))?;
        let mut newest = operation(1);
        newest.after = tree(3);
        tx.put_operation(&old.id, &newest)?;
        tx.move_copy(&moved)?;
        assert_eq!(tx.copy(&old.id)?.as_ref(), Some(&moved));
        // One that is not there stays so.
        tx.move_copy(&open_copy(3))
    });
    let all = read(store, |tx| tx.copies(true, None, 9));
    assert_eq!(all, [moved.clone(), open_copy(2)]);
    let found = read(store, |tx| tx.open_copy_named("draft"));
    assert_eq!(found.as_ref(), Some(&moved));
    let until = Timestamp::from_millis(9_000);
    assert_eq!(read(store, |tx| tx.expiring_copies(until, 9)), [moved]);
}

/// Asserts that the open copies below one are found, and they only.
pub fn copy_nesting(store: &dyn MetaStore) {
    empty(store);
    plant(store, [1]);
    let below = |n: u8, parent: u8, top: u8| CopyRecord {
        parent: Some(copy_id(parent)),
        top: Some(copy_id(top)),
        ..open_copy(n)
    };
    write(store, |tx| {
        tx.put_copy(&open_copy(10))?;
        tx.put_copy(&open_copy(20))?;
        tx.put_copy(&below(1, 10, 10))?;
        tx.put_copy(&below(0xff, 10, 10))?;
        tx.put_copy(&below(2, 1, 10))?;
        tx.put_copy(&below(3, 20, 20))
    });
    let ids = |top: u8, limit| {
        let found = read(store, |tx| tx.nested(&copy_id(top), limit));
        found.iter().map(|copy| copy.id).collect::<Vec<_>>()
    };
    let wanted = |numbers: &[u8]| numbers.iter().map(|n| copy_id(*n)).collect::<Vec<_>>();
    let count = |top: u8| read(store, |tx| tx.count_nested(&copy_id(top)));
    assert_eq!(ids(10, usize::MAX), wanted(&[1, 2, 0xff]));
    assert_eq!(ids(10, 2), wanted(&[1, 2]));
    assert_eq!(ids(10, 0), []);
    assert_eq!(ids(1, 9), [], "it is not the top");
    assert_eq!([count(10), count(20), count(1), count(9)], [3, 1, 0, 0]);
    let nested = read(store, |tx| tx.copy(&copy_id(2)));
    assert_eq!(nested, Some(below(2, 1, 10)));

    // Closed ones are not among them; a move leaves where one is, and a copy can get
    // another parent.
    let applied = CopyRecord {
        state: CopyState::Applied(AppliedAs::Operation(OperationId::new(1))),
        ..below(1, 10, 10)
    };
    write(store, |tx| {
        tx.put_copy(&below(2, 20, 20))?;
        tx.put_copy(&applied)?;
        tx.move_copy(&CopyRecord {
            generation: 0,
            modified: Timestamp::from_millis(9_000),
            ..below(0xff, 10, 10)
        })
    });
    assert_eq!(read(store, |tx| tx.copy(&copy_id(1))), Some(applied));
    assert_eq!(ids(10, 9), wanted(&[0xff]));
    assert_eq!(ids(20, 9), wanted(&[2, 3]));
    let cause = OperationCause::Apply(copy_id(1));
    let operation = OperationRecord {
        cause,
        ..operation(1)
    };
    write(store, |tx| tx.put_operation(&copy_id(10), &operation));
    let found = read(store, |tx| tx.operation(&copy_id(10), operation.id));
    assert_eq!(found, Some(operation));
}

/// Asserts that open copies, and only they, are found by their exact name.
pub fn copy_names(store: &dyn MetaStore) {
    empty(store);
    plant(store, [1]);
    let named = |n: u8, name: &str| CopyRecord {
        name: Some(name.into()),
        ..open_copy(n)
    };
    let find = |name: &str| read(store, |tx| tx.open_copy_named(name)).map(|copy| copy.id);
    let names = ["draft", "Draft", "draft ", "dräft", "dr%", "'; --", ""];
    for (n, name) in (1..).zip(names) {
        assert_eq!(find(name), None, "{name:?}");
        write(store, |tx| tx.put_copy(&named(n, name)));
    }
    write(store, |tx| tx.put_copy(&open_copy(100)));
    write(store, |tx| tx.put_copy(&open_copy(101)));
    for (n, name) in (1..).zip(names) {
        assert_eq!(find(name), Some(copy_id(n)), "{name:?}");
    }
    assert_eq!(find("dr"), None);

    // A closed copy keeps its name and leaves it to others.
    let closed = CopyRecord {
        state: CopyState::Discarded,
        ..named(1, "draft")
    };
    write(store, |tx| {
        tx.put_copy(&closed)?;
        assert_eq!(tx.open_copy_named("draft")?, None);
        tx.put_copy(&named(110, "draft"))
    });
    assert_eq!(find("draft"), Some(copy_id(110)));
    assert_eq!(read(store, |tx| tx.copy(&copy_id(1))), Some(closed));

    // Names move between copies within one transaction.
    write(store, |tx| {
        tx.put_copy(&named(110, "aside"))?;
        tx.put_copy(&named(2, "draft"))?;
        tx.put_copy(&named(110, "Draft"))
    });
    assert_eq!(find("draft"), Some(copy_id(2)));
    assert_eq!(find("Draft"), Some(copy_id(110)));
    assert_eq!(find("aside"), None);
    write(store, |tx| tx.delete_copy(&copy_id(2)));
    assert_eq!(find("draft"), None);
}

/// Asserts that pages of copies are in id order, complete and of the size asked for.
pub fn copy_pages(store: &dyn MetaStore) {
    empty(store);
    plant(store, [1]);
    // Odd ones are closed; 0x00 to 0xff shows whether ids order as unsigned bytes.
    let ids: Vec<u8> = vec![0xff, 0x01, 0x7f, 0x00, 0x80, 0x02, 0xfe, 0x81];
    for n in &ids {
        let state = match n % 2 {
            0 => CopyState::Open,
            _ => CopyState::Discarded,
        };
        let copy = CopyRecord {
            state,
            ..open_copy(*n)
        };
        write(store, |tx| tx.put_copy(&copy));
    }
    let mut sorted = ids;
    sorted.sort_unstable();
    for open_only in [false, true] {
        let wanted = sorted.iter().filter(|n| !open_only || *n % 2 == 0);
        let wanted: Vec<_> = wanted.map(|n| copy_id(*n)).collect();
        for limit in [1, 2, 3, 8, 9, usize::MAX] {
            let mut found = Vec::new();
            loop {
                let page = read(store, |tx| tx.copies(open_only, found.last(), limit));
                assert!(page.len() <= limit);
                let full = page.len() == limit;
                found.extend(page.into_iter().map(|copy| copy.id));
                if !full {
                    break;
                }
            }
            assert_eq!(found, wanted, "pages of {limit}, open only: {open_only}");
        }
    }
    assert_eq!(read(store, |tx| tx.copies(false, None, 0)), []);
    // A page may start after an id that nobody has.
    let after = read(store, |tx| tx.copies(false, Some(&copy_id(0x50)), 1));
    assert_eq!(after[0].id, copy_id(0x7f));
}

/// Asserts that copies that expire, and closed ones, are found in the order of
/// their times.
pub fn copy_times(store: &dyn MetaStore) {
    empty(store);
    plant(store, [1]);
    let time = Timestamp::from_millis;
    // By id: open with these times of expiry, then closed at these times.
    let expiries = [Some(40), None, Some(-5), Some(7), Some(7), None];
    for (n, expires) in (0..).zip(expiries) {
        let copy = CopyRecord {
            expires: expires.map(time),
            ..open_copy(n)
        };
        write(store, |tx| tx.put_copy(&copy));
    }
    for (n, modified) in (100..).zip([30, -30, 30, 2]) {
        let copy = CopyRecord {
            state: match n % 2 {
                0 => CopyState::Applied(AppliedAs::Revision(RevisionId::new(3))),
                _ => CopyState::Discarded,
            },
            modified: time(modified),
            expires: Some(time(7)),
            ..open_copy(n)
        };
        write(store, |tx| tx.put_copy(&copy));
    }
    let ids = |found: Vec<CopyRecord>| found.iter().map(|copy| copy.id).collect::<Vec<_>>();
    let wanted = |numbers: &[u8]| numbers.iter().map(|n| copy_id(*n)).collect::<Vec<_>>();
    let expiring = |until, limit| ids(read(store, |tx| tx.expiring_copies(time(until), limit)));
    assert_eq!(expiring(i64::MAX, 9), wanted(&[2, 3, 4, 0]));
    assert_eq!(expiring(i64::MAX, 2), wanted(&[2, 3]));
    assert_eq!(expiring(7, 9), wanted(&[2, 3, 4]));
    assert_eq!(expiring(6, 9), wanted(&[2]));
    assert_eq!(expiring(-6, 9), []);
    let closed = |until, limit| ids(read(store, |tx| tx.closed_copies(time(until), limit)));
    assert_eq!(closed(i64::MAX, 9), wanted(&[101, 103, 100, 102]));
    assert_eq!(closed(30, 3), wanted(&[101, 103, 100]));
    assert_eq!(closed(29, 9), wanted(&[101, 103]));
    assert_eq!(closed(i64::MIN, 9), []);
    write(store, |tx| {
        tx.put_copy(&CopyRecord {
            state: CopyState::Discarded,
            modified: time(3),
            ..tx.copy(&copy_id(2))?.expect("it was put")
        })
    });
    assert_eq!(expiring(i64::MAX, 1), wanted(&[3]));
    assert_eq!(closed(3, 9), wanted(&[101, 103, 2]));
}
