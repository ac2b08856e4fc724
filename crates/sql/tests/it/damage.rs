//! Damage to packs loses no more than what was damaged.

use bytes::Bytes;
use workspace_core::store::{ContentRecord, MetaStore, MetaTx, Place};
use workspace_core::{ContentId, ErrorKind, Result, TreeId};
use workspace_sql::{SqlConn, SqlMeta};

use crate::common::{MemoryConn, kind};

fn tree(n: u8) -> TreeId {
    TreeId::from_bytes([n; 32])
}

fn content() -> (ContentId, ContentRecord) {
    let bytes = Bytes::from_static(b"the last of the pack");
    let record = ContentRecord {
        size: bytes.len() as u64,
        place: Place::Inline(bytes.clone()),
    };
    (ContentId::of(&bytes), record)
}

/// Nodes 1 to 5 and a content in one pack, all but nodes 1 and 2 marked.
fn packed() -> SqlMeta<MemoryConn> {
    let meta = SqlMeta::open(MemoryConn::new()).unwrap();
    write(&meta, |tx| {
        for n in 1..=5 {
            tx.put_node(&tree(n), &[n; 100])?;
        }
        let (id, record) = content();
        tx.put_content(&id, &record)?;
        tx.mark_content(&id)?;
        (3..=5).try_for_each(|n| tx.mark_node(&tree(n)).map(drop))
    });
    meta
}

fn write<T>(meta: &SqlMeta<MemoryConn>, mut body: impl FnMut(&dyn MetaTx) -> Result<T>) -> T {
    let mut out = None;
    let written = meta.write(&mut |tx| {
        out = Some(body(tx)?);
        Ok(())
    });
    written.unwrap();
    out.unwrap()
}

fn reads(meta: &SqlMeta<MemoryConn>, n: u8) -> bool {
    let mut found = None;
    meta.read(&mut |tx| {
        found = tx.node(&tree(n))?;
        Ok(())
    })
    .unwrap();
    found.is_some_and(|node| node[..] == [n; 100])
}

#[test]
fn a_pack_that_was_cut_short_keeps_what_is_whole() {
    let meta = packed();
    let cut = "UPDATE packs SET bytes = substr(bytes, 1, 510)";
    meta.conn().exec(cut, &[]).unwrap();
    let swept = write(&meta, |tx| tx.sweep(0, 99));
    assert_eq!(
        (swept.nodes, swept.contents),
        (0, 0),
        "it cannot be rewritten"
    );
    for n in 1..=5 {
        assert!(reads(&meta, n), "{n}");
    }
    let read = meta.read(&mut |tx| tx.content(&content().0).map(drop));
    assert_eq!(kind(read), ErrorKind::Corrupt);
}

#[test]
fn a_directory_that_does_not_decode_stops_no_collection() {
    let meta = packed();
    write(&meta, |tx| tx.put_node(&tree(9), &[9; 100]));
    // The kind of the first slot, then its length: the others are where they were.
    let damage = "UPDATE packs SET directory = CAST(x'7f' || substr(directory, 2) AS BLOB)
         WHERE number = 1";
    meta.conn().exec(damage, &[]).unwrap();
    let swept = write(&meta, |tx| tx.sweep(0, 99));
    assert_eq!(
        (swept.nodes, swept.last),
        (1, None),
        "that of the other pack"
    );
    assert!(reads(&meta, 5) && reads(&meta, 3));
    write(&meta, |tx| tx.usage().map(drop));
}

#[test]
fn a_directory_with_another_id_deletes_no_row_of_another_pack() {
    let meta = packed();
    write(&meta, |tx| {
        tx.put_node(&tree(9), &[9; 100])?;
        tx.mark_node(&tree(9))
    });
    // The first slot of the first pack, without a mark, now claims node 9.
    let damage = "UPDATE packs SET directory = CAST(x'01' ||
         x'0909090909090909090909090909090909090909090909090909090909090909' ||
         substr(directory, 34) AS BLOB) WHERE number = 1";
    meta.conn().exec(damage, &[]).unwrap();
    write(&meta, |tx| tx.sweep(0, 99));
    assert!(reads(&meta, 9) && reads(&meta, 5));
}

#[test]
fn bytes_that_come_again_heal_a_lost_pack() {
    let meta = packed();
    meta.conn().exec("DELETE FROM packs", &[]).unwrap();
    write(&meta, |tx| {
        assert!(!tx.has_node(&tree(3))?);
        assert!(tx.put_node(&tree(3), &[3; 100])?, "as if it were new");
        assert!(!tx.put_node(&tree(3), &[3; 100])?);
        assert!(tx.has_node(&tree(3))?);
        let (id, record) = content();
        assert!(tx.put_content(&id, &record)?);
        assert_eq!(tx.content(&id)?, Some(record));
        Ok(())
    });
    assert!(reads(&meta, 3));
}
