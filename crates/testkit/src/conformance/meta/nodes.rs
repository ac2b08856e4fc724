//! Nodes.

use workspace_core::TreeId;
use workspace_core::store::MetaStore;

use super::fixture::{empty, inline, read, tree, write};

/// Asserts that nodes are kept byte for byte, once.
pub fn nodes(store: &dyn MetaStore) {
    empty(store);
    let every_byte: Vec<u8> = (0..=255).collect();
    let cases: [(TreeId, &[u8]); 4] = [
        (TreeId::from_bytes([0; 32]), b"\0"),
        (TreeId::from_bytes([0x80; 32]), b"' OR 1=1; --"),
        (TreeId::from_bytes([0xff; 32]), &every_byte),
        (tree(3), b""),
    ];
    for (id, encoded) in &cases {
        assert_eq!(read(store, |tx| tx.node(id)), None);
        assert!(write(store, |tx| tx.put_node(id, encoded)), "new");
        assert!(!write(store, |tx| tx.put_node(id, encoded)), "there");
    }
    for (id, encoded) in &cases {
        assert_eq!(read(store, |tx| tx.node(id)).as_deref(), Some(*encoded));
    }
    write(store, |tx| {
        assert!(tx.put_node(&tree(4), b"x")?);
        assert!(!tx.put_node(&tree(4), b"x")?, "there in the transaction");
        assert_eq!(tx.node(&tree(4))?.as_deref(), Some(&b"x"[..]));
        tx.delete_node(&tree(4))?;
        assert_eq!(tx.node(&tree(4))?, None, "deleted in the transaction");
        assert!(tx.put_node(&tree(4), b"y")?, "new again");
        Ok(())
    });
    for (id, _) in &cases {
        write(store, |tx| tx.delete_node(id));
        write(store, |tx| tx.delete_node(id));
        assert_eq!(read(store, |tx| tx.node(id)), None);
    }
    let left = read(store, |tx| tx.node(&tree(4)));
    assert_eq!(left.as_deref(), Some(&b"y"[..]), "deletes go by id");
}

/// Asserts that a node of 1 MiB is kept.
pub fn large_nodes(store: &dyn MetaStore) {
    empty(store);
    let encoded: Vec<u8> = (0..1 << 20).map(|i: u32| (i % 251) as u8).collect();
    write(store, |tx| tx.put_node(&tree(1), &encoded));
    let back = read(store, |tx| tx.node(&tree(1)));
    assert!(back.as_deref() == Some(&encoded), "a node of 1 MiB");
}

/// Asserts that nodes and contents of all sizes, stored together, are found one by
/// one, and that deleting some leaves the others.
pub fn packs(store: &dyn MetaStore) {
    empty(store);
    let node = |n: u64| vec![n as u8; (n as usize * 97) % 3000];
    let content = |n: u64| inline(&vec![n as u8; (n as usize * 61) % 20_000]);
    write(store, |tx| {
        for n in 1..=300 {
            assert!(tx.put_node(&tree(n), &node(n))?);
            tx.put_content(&content(n).0, &content(n).1)?;
            assert!(!tx.put_node(&tree(n), &node(n))?);
            assert_eq!(tx.node(&tree(n))?.as_deref(), Some(&node(n)[..]));
            let known = tx.content(&content(n / 2 + 1).0)?;
            assert_eq!(known, Some(content(n / 2 + 1).1));
        }
        Ok(())
    });
    write(store, |tx| {
        for n in (1..=300).filter(|n| n % 3 > 0) {
            tx.delete_node(&tree(n))?;
            tx.delete_content(&content(n + 1).0)?;
        }
        Ok(())
    });
    for n in 1..=300 {
        let found = read(store, |tx| tx.node(&tree(n)));
        let wanted = (n % 3 == 0).then(|| node(n));
        assert_eq!(found.as_deref(), wanted.as_deref(), "{n}");
        let found = read(store, |tx| tx.content(&content(n).0));
        let gone = (1..=300).any(|m| m % 3 > 0 && content(m + 1).0 == content(n).0);
        assert_eq!(found, (!gone).then(|| content(n).1), "{n}");
    }
    empty(store);
}
