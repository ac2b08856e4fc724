//! What is counted.

use workspace_core::store::{MetaStore, StoreUsage};

use super::fixture::{copy_id, empty, inline, object, open_copy, operation, read, revision, tree};
use super::fixture::{plant, write};

/// Asserts that usage counts every row, and no mark.
pub fn usage(store: &dyn MetaStore) {
    empty(store);
    plant(store, [1]);
    let before = read(store, |tx| tx.usage());
    let (small, large) = (inline(b"12345"), inline(&[7; 1000]));
    let (one, two) = (object("one", 1 << 40), object("two", 3));
    write(store, |tx| {
        tx.put_node(&tree(2), &[0; 100])?;
        tx.put_node(&tree(2), &[0; 100])?;
        tx.put_node(&tree(3), b"")?;
        for (id, content) in [&small, &large, &one, &two, &small] {
            tx.put_content(id, content)?;
        }
        tx.put_copy(&open_copy(1))?;
        tx.put_copy(&open_copy(1))?;
        tx.put_copy(&open_copy(2))?;
        tx.put_operation(&copy_id(1), &operation(1))?;
        tx.put_operation(&copy_id(1), &operation(2))?;
        tx.put_operation(&copy_id(2), &operation(1))?;
        tx.put_revision(&revision(1))?;
        tx.mark_node(&tree(2))?;
        tx.mark_content(&small.0)
    });
    let after = StoreUsage {
        nodes: before.nodes + 2,
        node_bytes: before.node_bytes + 100,
        inline_contents: 2,
        inline_bytes: 1005,
        object_contents: 2,
        object_bytes: (1 << 40) + 3,
        copies: 2,
        operations: 3,
        revisions: 1,
    };
    assert_eq!(read(store, |tx| tx.usage()), after);
    empty(store);
    plant(store, [1]);
    assert_eq!(read(store, |tx| tx.usage()), before, "empty again");
}
