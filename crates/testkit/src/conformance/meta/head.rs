//! Head.

use workspace_core::store::{HeadRecord, MetaStore, StoreUsage};
use workspace_core::{RevisionId, Timestamp};

use super::fixture::{dump, empty, plant, read, revision, tree, write};

/// Asserts that a store in which nothing was ever written is empty.
pub fn new_store(store: &dyn MetaStore) {
    read(store, |tx| {
        assert_eq!(tx.head()?, None, "head of a new store");
        assert_eq!(tx.usage()?, StoreUsage::default());
        assert_eq!(tx.collection()?, None);
        assert_eq!(tx.copies(false, None, 10)?, []);
        assert_eq!(tx.revisions(None, 10)?, []);
        assert_eq!(tx.last_event()?, 0);
        assert_eq!(tx.events(0, 10)?, []);
        Ok(())
    });
}

/// Asserts that head is replaced as a whole, and is one row.
pub fn head(store: &dyn MetaStore) {
    empty(store);
    plant(store, [1, 2]);
    let version = read(store, |tx| tx.head()).map_or(0, |head| head.version);
    let first = HeadRecord {
        version: version + 1,
        tree: tree(1),
        revision: Some(RevisionId::new(7)),
        recorded: Some(tree(1)),
        modified: Timestamp::from_millis(-1),
    };
    let second = HeadRecord {
        version: version + 2,
        tree: tree(2),
        revision: None,
        recorded: None,
        modified: Timestamp::from_millis(5),
    };
    write(store, |tx| {
        tx.put_revision(&revision(7))?;
        tx.set_head(&first)?;
        assert_eq!(tx.head()?.as_ref(), Some(&first), "in the transaction");
        Ok(())
    });
    assert_eq!(read(store, |tx| tx.head()), Some(first));
    let before = read(store, |tx| tx.usage());
    write(store, |tx| tx.set_head(&second));
    assert_eq!(read(store, |tx| tx.head()), Some(second));
    assert_eq!(read(store, |tx| tx.usage()), before, "head is one row");
    let again = read(store, dump);
    assert_eq!(read(store, dump), again, "reading changes nothing");
}
