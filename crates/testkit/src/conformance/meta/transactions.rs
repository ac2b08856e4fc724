//! All of a transaction, or nothing.

use workspace_core::store::{
    CollectionPhase, CollectionRecord, HeadRecord, Marked, MemoRecord, MetaStore, MetaTx,
};
use workspace_core::{Error, ErrorKind, EventKind, Result, RevisionId};

use super::events::event;
use super::fixture::{
    copy_id, dump, empty, grant, grant_id, inline, memo, object, open_copy, operation, plant,
};
use super::fixture::{read, revision, tree, write};

fn refusal() -> Error {
    Error::new(ErrorKind::Stale, "refuse")
        .at("/here")
        .because("of itself")
}

fn assert_refused(outcome: Result<()>) {
    let error = outcome.expect_err("the error of the body comes out");
    assert_eq!(error.kind(), ErrorKind::Stale);
    assert_eq!(error.to_string(), refusal().to_string());
}

/// Asserts that a body runs exactly once, whatever comes of it.
pub fn one_run(store: &dyn MetaStore) {
    empty(store);
    let mut runs = [0; 4];
    let mut count = |at: usize, fails: bool| {
        runs[at] += 1;
        if fails { Err(refusal()) } else { Ok(()) }
    };
    store.read(&mut |_| count(0, false)).expect("reads");
    store.write(&mut |_| count(1, false)).expect("writes");
    assert_refused(store.read(&mut |_| count(2, true)));
    assert_refused(store.write(&mut |_| count(3, true)));
    assert_eq!(runs, [1; 4]);
}

/// Asserts that a transaction sees what it wrote, in every table.
pub fn transactions_see_themselves(store: &dyn MetaStore) {
    empty(store);
    plant(store, [1]);
    let seen = write(store, |tx| {
        fill(tx)?;
        dump(tx)
    });
    assert_eq!(read(store, dump), seen);
    let seen = write(store, |tx| {
        erase(tx)?;
        dump(tx)
    });
    assert_eq!(read(store, dump), seen);
}

/// Asserts that a body's error undoes every insertion, replacement and deletion.
pub fn errors_roll_back(store: &dyn MetaStore) {
    empty(store);
    plant(store, [1]);
    for _ in 0..2 {
        let before = read(store, dump);
        assert_refused(store.write(&mut |tx| {
            fill(tx)?;
            Err(refusal())
        }));
        assert_eq!(read(store, dump), before, "insertions and replacements");
        write(store, fill);
        let before = read(store, dump);
        assert_refused(store.write(&mut |tx| {
            erase(tx)?;
            Err(refusal())
        }));
        assert_eq!(read(store, dump), before, "deletions");
        assert_refused(store.write(&mut |tx| {
            erase(tx)?;
            fill(tx)?;
            erase(tx)?;
            Err(refusal())
        }));
        assert_eq!(read(store, dump), before, "both");
    }
    write(store, |tx| tx.put_node(&tree(77), b"after"));
    assert!(
        read(store, |tx| tx.node(&tree(77))).is_some(),
        "the next transaction is not touched"
    );
}

/// Asserts that marks, scans and clearings are undone as well.
pub fn rolled_back_marks(store: &dyn MetaStore) {
    empty(store);
    plant(store, [1, 2]);
    let (id, content) = inline(b"marked");
    write(store, |tx| {
        tx.put_content(&id, &content)?;
        tx.mark_node(&tree(1))?;
        tx.mark_content(&id)
    });
    assert_refused(store.write(&mut |tx| {
        tx.mark_node(&tree(2))?;
        assert_eq!(tx.take_unscanned(9)?.len(), 2);
        tx.clear_marks(9)?;
        Err(refusal())
    }));
    read(store, |tx| {
        assert!(tx.is_marked(&tree(1))? && !tx.is_marked(&tree(2))?);
        Ok(())
    });
    let again = write(store, |tx| tx.mark_content(&id));
    assert_eq!(again, Marked::Already);
    assert_eq!(write(store, |tx| tx.take_unscanned(9)), [tree(1)]);
    write(store, |tx| tx.clear_marks(usize::MAX));
}

/// Writes a row into every table, or another one where it is there.
fn fill(tx: &dyn MetaTx) -> Result<()> {
    tx.put_node(&tree(40), b"forty")?;
    tx.put_node(&tree(41), b"forty-one")?;
    let version = tx.head()?.map_or(0, |head| head.version);
    let mut copy = open_copy(1);
    let mut newest = operation(1);
    let mut snapshot = revision(3);
    let mut held = grant(1);
    if let Some(old) = tx.copy(&copy.id)? {
        copy.generation = old.generation + 1;
        newest.note = "replaced".into();
        snapshot.message = "replaced".into();
        held.label = "replaced".into();
    }
    copy.tree = tree(40);
    copy.operation = Some(newest.id);
    copy.name = Some("filled".into());
    newest.after = tree(40);
    tx.put_copy(&copy)?;
    tx.put_operation(&copy_id(1), &newest)?;
    tx.put_revision(&snapshot)?;
    tx.put_grant(&held)?;
    tx.put_memo(&MemoRecord {
        answer: held.label.clone().into(),
        ..memo(1)
    })?;
    tx.set_head(&HeadRecord {
        version: version + 1,
        tree: tree(41),
        revision: Some(RevisionId::new(3)),
        recorded: Some(tree(1)),
        modified: copy.created,
    })?;
    for (id, content) in [inline(b"filled"), object("filled", 9)] {
        tx.put_content(&id, &content)?;
    }
    tx.append_event(&event(EventKind::Forked, version))?;
    tx.set_collection(Some(&CollectionRecord {
        phase: CollectionPhase::Scan,
        began: 7,
        nodes: version,
        contents: 1,
    }))
}

/// Deletes what [`fill`] wrote.
fn erase(tx: &dyn MetaTx) -> Result<()> {
    if let Some(head) = tx.head()? {
        tx.set_head(&HeadRecord {
            version: head.version + 1,
            tree: tree(1),
            revision: None,
            recorded: None,
            ..head
        })?;
    }
    tx.delete_copy(&copy_id(1))?;
    tx.delete_revision(RevisionId::new(3))?;
    tx.append_event(&event(EventKind::Discarded, 1))?;
    let last = tx.last_event()?;
    tx.delete_events(last)?;
    tx.delete_grant(&grant_id(1))?;
    let last = tx.last_memo()?;
    tx.delete_memos(last + 1)?;
    tx.delete_content(&inline(b"filled").0)?;
    tx.delete_content(&object("filled", 9).0)?;
    tx.delete_node(&tree(40))?;
    tx.delete_node(&tree(41))?;
    tx.set_collection(None)
}
