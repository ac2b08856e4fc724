//! Values at the edges.

use std::collections::BTreeMap;

use workspace_core::store::{
    AppliedAs, CollectionPhase, CollectionRecord, CopyRecord, CopyState, HeadRecord, MetaStore,
    OperationCause, OperationRecord, RevisionCause, RevisionRecord, WhichGrants,
};
use workspace_core::{Error, ErrorKind, OperationId, RevisionId, Timestamp};

use super::fixture::{copy_id, empty, grant, object, open_copy, operation, plant, read, revision};
use super::fixture::{tree, write};

/// The largest integer that every store and JavaScript carry exactly.
const MAX: u64 = Timestamp::MAX_MILLIS as u64;

/// Asserts that integers up to 2^53 − 1 and times of either sign come back exactly.
pub fn integers(store: &dyn MetaStore) {
    empty(store);
    plant(store, [1]);
    let (early, late) = (
        Timestamp::from_millis(i64::MIN),
        Timestamp::from_millis(i64::MAX),
    );
    for (n, value) in (1..).zip([1 << 31, 1 << 32, MAX - 1, MAX]) {
        let newest = OperationRecord {
            cause: OperationCause::Rebase(value),
            at: early,
            ..operation(value)
        };
        let undo = OperationRecord {
            cause: OperationCause::Undo(OperationId::new(value - 2)),
            at: late,
            ..operation(value - 1)
        };
        let copy = CopyRecord {
            state: CopyState::Applied(AppliedAs::Revision(RevisionId::new(value))),
            base_version: value,
            generation: value,
            operation: Some(newest.id),
            created: early,
            modified: late,
            expires: Some(late),
            ..open_copy(n)
        };
        let record = RevisionRecord {
            parent: Some(RevisionId::new(value - 2)),
            version: value,
            cause: RevisionCause::Restore(RevisionId::new(value - 2)),
            at: early,
            ..revision(value)
        };
        let collection = CollectionRecord {
            phase: CollectionPhase::Operations(copy.id, Some(newest.id)),
            began: value,
            nodes: value,
            contents: value,
        };
        write(store, |tx| {
            tx.put_operation(&copy.id, &newest)?;
            tx.put_operation(&copy.id, &undo)?;
            tx.put_copy(&copy)?;
            tx.put_revision(&record)?;
            tx.set_collection(Some(&collection))
        });
        read(store, |tx| {
            assert_eq!(tx.copy(&copy.id)?.as_ref(), Some(&copy));
            let operations = tx.operations(&copy.id, None, 9)?;
            assert_eq!(operations, [undo.clone(), newest.clone()]);
            assert_eq!(tx.revision(record.id)?.as_ref(), Some(&record));
            assert_eq!(tx.revisions(None, 1)?.first(), Some(&record));
            assert_eq!(tx.collection()?.as_ref(), Some(&collection));
            Ok(())
        });
    }
    let (id, content) = object("huge", MAX);
    write(store, |tx| tx.put_content(&id, &content));
    assert_eq!(read(store, |tx| tx.usage()).object_bytes, MAX);

    // Head's version never falls, so its largest value is taken back.
    let outcome = store.write(&mut |tx| {
        let head = HeadRecord {
            version: MAX,
            tree: tree(1),
            revision: Some(RevisionId::new(MAX)),
            recorded: Some(tree(1)),
            modified: late,
        };
        tx.set_head(&head)?;
        assert_eq!(tx.head()?, Some(head));
        Err(Error::new(ErrorKind::Stale, "take back"))
    });
    assert!(outcome.is_err());
}

/// Texts that are hard on quoting, collation, C strings and columns.
fn hostile() -> Vec<String> {
    let mut texts: Vec<String> = [
        "",
        " ",
        "\0",
        "a\0b",
        "\0\0end",
        "'; DROP TABLE head; --",
        "\"?1 $x :y @z",
        "line\nline\r\n\ttab",
        "ä",
        "a\u{308}",
        "\u{feff}bom",
        "\u{10ffff}\u{fffd}\u{1f980}",
        "NULL",
        "0",
        "1e3",
        "x'00'",
    ]
    .map(String::from)
    .into();
    texts.push("long ".repeat(20_000));
    texts
}

/// Asserts that every string comes back as it was, whatever is in it.
pub fn strings(store: &dyn MetaStore) {
    empty(store);
    plant(store, [1]);
    for (n, text) in (1..).zip(hostile()) {
        let copy = CopyRecord {
            name: Some(text.clone()),
            ..open_copy(n)
        };
        let edit = OperationRecord {
            actor: text.clone(),
            note: text.clone(),
            ..operation(1)
        };
        let record = RevisionRecord {
            actor: text.clone(),
            message: text.clone(),
            ..revision(n.into())
        };
        write(store, |tx| {
            tx.put_copy(&copy)?;
            tx.put_operation(&copy.id, &edit)?;
            tx.put_revision(&record)
        });
        read(store, |tx| {
            let start: String = text.chars().take(20).collect();
            assert!(tx.copy(&copy.id)?.as_ref() == Some(&copy), "{start:?}");
            let named = tx.open_copy_named(&text)?;
            assert!(
                named.is_some_and(|named| named.id == copy_id(n)),
                "{start:?}"
            );
            assert!(tx.operations(&copy.id, None, 9)? == [edit.clone()]);
            assert!(tx.revision(record.id)?.as_ref() == Some(&record));
            Ok(())
        });
    }
}

/// Asserts that a revision's metadata comes back key by key.
pub fn metadata(store: &dyn MetaStore) {
    empty(store);
    plant(store, [1]);
    let texts = hostile();
    let swapped = texts.iter().rev().cloned();
    let all: BTreeMap<String, String> = texts.iter().cloned().zip(swapped).collect();
    let one = [(String::new(), String::new())].into();
    for (n, metadata) in (1..).zip([all, one, BTreeMap::new()]) {
        let record = RevisionRecord {
            metadata,
            ..revision(n)
        };
        write(store, |tx| tx.put_revision(&record));
        assert!(read(store, |tx| tx.revision(record.id)) == Some(record));
    }
}

/// Asserts that a limit of `usize::MAX` is no limit, wherever there is one.
pub fn limits(store: &dyn MetaStore) {
    empty(store);
    plant(store, [1, 5]);
    write(store, |tx| {
        tx.put_copy(&open_copy(1))?;
        tx.put_operation(&copy_id(1), &operation(1))?;
        tx.put_revision(&revision(1))?;
        tx.put_grant(&grant(1))?;
        tx.mark_node(&tree(5))?;
        Ok(())
    });
    write(store, |tx| {
        assert_eq!(tx.copies(true, None, usize::MAX)?.len(), 1);
        assert_eq!(tx.operations(&copy_id(1), None, usize::MAX)?.len(), 1);
        let ever = Timestamp::from_millis(i64::MAX);
        assert_eq!(tx.expiring_copies(ever, usize::MAX)?.len(), 0);
        assert_eq!(tx.closed_copies(ever, usize::MAX)?.len(), 0);
        assert_eq!(tx.revisions(None, usize::MAX)?.len(), 1);
        assert_eq!(tx.events(u64::MAX, usize::MAX)?, []);
        assert_eq!(tx.grants(WhichGrants::Every, None, usize::MAX)?.len(), 1);
        assert_eq!(tx.memos(0, usize::MAX)?, []);
        assert!(tx.nodes(None, usize::MAX)?.contains(&tree(5)));
        assert_eq!(tx.contents(None, usize::MAX)?, []);
        assert_eq!(tx.take_unscanned(usize::MAX)?, [tree(5)]);
        assert!(!tx.clear_marks(usize::MAX)?);
        Ok(())
    });
}
