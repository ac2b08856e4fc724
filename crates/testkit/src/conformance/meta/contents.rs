//! Contents and where they are.

use workspace_core::store::{ContentRecord, MetaStore, Place};

use super::fixture::{blob_key, empty, inline, object, read, write};

/// Asserts that contents are kept byte for byte, once, where they were first put.
pub fn contents(store: &dyn MetaStore) {
    empty(store);
    let every_byte: Vec<u8> = (0..=255).collect();
    let cases = [
        inline(b""),
        inline(b"\0"),
        inline(&every_byte),
        object("a", 0),
        object("0z", (1 << 53) - 1),
        object(&"k".repeat(64), 1),
    ];
    for (id, content) in &cases {
        assert_eq!(read(store, |tx| tx.content(id)), None);
        assert!(write(store, |tx| tx.put_content(id, content)), "new");
        assert!(!write(store, |tx| tx.put_content(id, content)), "there");
    }
    for (id, content) in &cases {
        assert_eq!(read(store, |tx| tx.content(id)).as_ref(), Some(content));
    }
    let (id, kept) = &cases[2];
    let elsewhere = ContentRecord {
        size: kept.size,
        place: Place::Object(blob_key("elsewhere")),
    };
    write(store, |tx| {
        assert!(!tx.put_content(id, &elsewhere)?, "the first place stays");
        assert_eq!(tx.content(id)?.as_ref(), Some(kept));
        assert!(!tx.has_object(&blob_key("elsewhere"))?);
        Ok(())
    });
    for (id, _) in &cases {
        write(store, |tx| tx.delete_content(id));
        write(store, |tx| tx.delete_content(id));
        assert_eq!(read(store, |tx| tx.content(id)), None);
    }
}

/// Asserts that a content of 1 MiB is kept in its row.
pub fn large_contents(store: &dyn MetaStore) {
    empty(store);
    for size in [64 << 10, 1 << 20] {
        let bytes: Vec<u8> = (0..size).map(|i: u32| (i % 241) as u8).collect();
        let (id, content) = inline(&bytes);
        write(store, |tx| tx.put_content(&id, &content));
        let back = read(store, |tx| tx.content(&id));
        assert!(back.as_ref() == Some(&content), "a content of {size} bytes");
    }
}

/// Asserts that objects are found by key while a content refers to them.
pub fn objects(store: &dyn MetaStore) {
    empty(store);
    let key = blob_key("one");
    let (id, content) = object("one", 5);
    let (other_id, other) = object("two", 5);
    assert!(!read(store, |tx| tx.has_object(&key)));
    write(store, |tx| {
        tx.put_content(&id, &content)?;
        assert!(tx.has_object(&key)?, "in the transaction");
        tx.put_content(&other_id, &other)
    });
    assert!(read(store, |tx| tx.has_object(&key)));
    for absent in ["on", "one0", "0ne"] {
        assert!(!read(store, |tx| tx.has_object(&blob_key(absent))));
    }
    write(store, |tx| tx.delete_content(&id));
    assert!(!read(store, |tx| tx.has_object(&key)));
    assert!(read(store, |tx| tx.has_object(&blob_key("two"))));
    // An object may be referred to again, by whatever content it holds.
    let moved = ContentRecord {
        size: 5,
        place: Place::Object(key.clone()),
    };
    let (id, _) = inline(b"moved");
    assert!(write(store, |tx| tx.put_content(&id, &moved)));
    assert!(read(store, |tx| tx.has_object(&key)));
}
