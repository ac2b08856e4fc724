//! What a row may hold, going in and coming out.

use std::collections::BTreeMap;

use crate::common::{MemoryConn, kind};
use bytes::Bytes;
use workspace_core::store::{
    ContentRecord, CopyRecord, CopyState, HeadRecord, MetaStore, MetaTx, Place, RevisionCause,
    RevisionRecord,
};
use workspace_core::{
    ContentId, CopyId, ErrorKind, OperationId, Result, RevisionId, Timestamp, TreeId,
};
use workspace_sql::{MAX_CONTENT, MAX_ROW, SqlConn, SqlMeta, SqlValue};

const TREE: TreeId = TreeId::from_bytes([7; 32]);

fn open() -> SqlMeta<MemoryConn> {
    SqlMeta::open(MemoryConn::new()).unwrap()
}

fn write(
    meta: &SqlMeta<MemoryConn>,
    mut body: impl FnMut(&dyn MetaTx) -> Result<()>,
) -> Result<()> {
    meta.write(&mut body)
}

fn head(version: u64) -> HeadRecord {
    HeadRecord {
        version,
        tree: TREE,
        revision: None,
        recorded: None,
        modified: Timestamp::from_millis(-Timestamp::MAX_MILLIS),
    }
}

#[test]
fn numbers_are_exact_up_to_53_bits_and_refused_beyond() {
    let meta = open();
    let most = SqlValue::MAX_INTEGER as u64;
    write(&meta, |tx| tx.set_head(&head(most))).unwrap();
    meta.read(&mut |tx| {
        assert_eq!(tx.head()?.unwrap(), head(most));
        Ok(())
    })
    .unwrap();
    for beyond in [most + 1, u64::MAX] {
        let refused = write(&meta, |tx| tx.set_head(&head(beyond)));
        assert_eq!(kind(refused), ErrorKind::LimitExceeded);
    }
}

#[test]
fn a_row_holds_what_its_limit_says() {
    let meta = open();
    let content = |size: usize| ContentRecord {
        size: size as u64,
        place: Place::Inline(Bytes::from(vec![1; size])),
    };
    let id = ContentId::of(b"large");
    let most = MAX_CONTENT;
    let put = |size| write(&meta, |tx| tx.put_content(&id, &content(size)).map(|_| ()));
    assert_eq!(kind(put(most + 1)), ErrorKind::LimitExceeded);
    put(most).unwrap();

    let revision = RevisionRecord {
        id: RevisionId::new(1),
        parent: None,
        tree: TREE,
        version: 1,
        cause: RevisionCause::Snapshot,
        actor: String::new(),
        message: String::new(),
        at: Timestamp::default(),
        metadata: BTreeMap::from([("key".into(), "x".repeat(MAX_ROW))]),
    };
    let refused = write(&meta, |tx| tx.put_revision(&revision));
    assert_eq!(kind(refused), ErrorKind::LimitExceeded);
}

#[test]
fn the_name_of_an_open_copy_is_taken() {
    let meta = open();
    let copy = |id: u8, state| CopyRecord {
        id: CopyId::from_bytes([id; 16]),
        name: Some("same".into()),
        state,
        parent: None,
        top: None,
        base_version: 0,
        base: TREE,
        tree: TREE,
        generation: 0,
        operation: None,
        created: Timestamp::default(),
        modified: Timestamp::default(),
        expires: None,
    };
    let put = |id, state| write(&meta, |tx| tx.put_copy(&copy(id, state)));
    put(1, CopyState::Open).unwrap();
    assert_eq!(kind(put(2, CopyState::Open)), ErrorKind::AlreadyExists);
    put(1, CopyState::Discarded).unwrap();
    put(2, CopyState::Open).unwrap();
}

/// Runs one statement that damages a row, then expects each read of it to say so.
#[test]
fn a_row_that_does_not_decode_is_corrupt() {
    let copy = CopyId::from_bytes([1; 16]);
    let read_head = |tx: &dyn MetaTx| tx.head().map(|_| ());
    let read_copy = |tx: &dyn MetaTx| tx.copies(false, None, 9).map(|_| ());
    let read_operation = |tx: &dyn MetaTx| tx.operation(&copy, OperationId::new(1)).map(|_| ());
    let read_revision = |tx: &dyn MetaTx| tx.revisions(None, 9).map(|_| ());
    let read_content = |tx: &dyn MetaTx| tx.content(&ContentId::of(b"x")).map(|_| ());
    let read_collection = |tx: &dyn MetaTx| tx.collection().map(|_| ());
    let read_event = |tx: &dyn MetaTx| tx.events(0, 9).map(|_| ());
    let sweep = |tx: &dyn MetaTx| tx.nodes(None, 9).map(|_| ());
    let read_node = |tx: &dyn MetaTx| tx.node(&TREE).map(|_| ());
    type Read<'a> = &'a dyn Fn(&dyn MetaTx) -> Result<()>;
    let cases: &[(Read<'_>, &str)] = &[
        (
            &read_head,
            "INSERT INTO head VALUES (1, -1, zeroblob(32), NULL, NULL, 0)",
        ),
        (
            &read_head,
            "INSERT INTO head VALUES (1, 1, zeroblob(31), NULL, NULL, 0)",
        ),
        (
            &read_head,
            "INSERT INTO head VALUES (1, 1, zeroblob(32), 0, NULL, 0)",
        ),
        (
            &read_head,
            "INSERT INTO head VALUES (1, 9007199254740992, zeroblob(32), 1, NULL, 0)",
        ),
        (
            &read_copy,
            "INSERT INTO copies VALUES (zeroblob(15), NULL, 0, NULL, 1, zeroblob(32), zeroblob(32), 0, NULL, 0, 0, NULL, NULL, NULL)",
        ),
        (
            &read_copy,
            "INSERT INTO copies VALUES (zeroblob(16), NULL, 1, NULL, 1, zeroblob(32), zeroblob(32), 0, NULL, 0, 0, NULL, NULL, NULL)",
        ),
        (
            &read_copy,
            "INSERT INTO copies VALUES (zeroblob(16), NULL, 9, NULL, 1, zeroblob(32), zeroblob(32), 0, NULL, 0, 0, NULL, NULL, NULL)",
        ),
        (
            &read_copy,
            "INSERT INTO copies VALUES (zeroblob(16), NULL, 3, NULL, 1, zeroblob(32), zeroblob(32), 0, NULL, 0, 0, NULL, NULL, NULL)",
        ),
        (
            &read_copy,
            "INSERT INTO copies VALUES (zeroblob(16), NULL, 0, NULL, 1, zeroblob(32), zeroblob(32), 0, NULL, 0, 0, NULL, x'01', NULL)",
        ),
        (
            &read_operation,
            "INSERT INTO operations VALUES (x'01010101010101010101010101010101', 1, 4, NULL, '', '', 0, zeroblob(32), zeroblob(32), NULL)",
        ),
        (
            &read_operation,
            "INSERT INTO operations VALUES (x'01010101010101010101010101010101', 1, 3, NULL, '', '', 0, zeroblob(32), zeroblob(32), NULL)",
        ),
        (
            &read_operation,
            "INSERT INTO operations VALUES (x'01010101010101010101010101010101', 1, 0, NULL, '', '', 0, zeroblob(32), x'', NULL)",
        ),
        (
            &read_revision,
            "INSERT INTO revisions VALUES (1, NULL, zeroblob(32), 1, 0, NULL, NULL, '', '', 0, NULL)",
        ),
        (
            &read_revision,
            "INSERT INTO revisions VALUES (1, NULL, zeroblob(32), 1, 1, NULL, NULL, '', '', 0, x'0000000561')",
        ),
        (
            &read_content,
            "INSERT INTO contents VALUES (x'2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881', 64, 1, NULL)",
        ),
        (
            &read_content,
            "INSERT INTO contents VALUES (x'2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881', 64, 1, 'NOT A KEY')",
        ),
        (
            &read_collection,
            "INSERT INTO collection VALUES (1, 99, NULL, NULL, 0, 0, 0)",
        ),
        (
            &read_collection,
            "INSERT INTO collection VALUES (1, 5, NULL, x'00', 0, 0, 0)",
        ),
        (
            &read_collection,
            "INSERT INTO collection VALUES (1, 7, NULL, x'ff', 0, 0, 0)",
        ),
        (
            &read_event,
            "INSERT INTO events VALUES (1, 99, NULL, NULL, NULL, NULL, NULL, NULL, 0)",
        ),
        (
            &read_event,
            "INSERT INTO events VALUES (1, 1, NULL, -1, NULL, NULL, NULL, NULL, 0)",
        ),
        (
            &read_event,
            "INSERT INTO events VALUES (1, 1, x'00', NULL, NULL, NULL, NULL, NULL, 0)",
        ),
        (&sweep, "INSERT INTO nodes VALUES (x'00', 64)"),
        // A place in a pack that is not there.
        (
            &read_node,
            "INSERT INTO nodes VALUES (x'0707070707070707070707070707070707070707070707070707070707070707', 64)",
        ),
    ];
    for (read, damage) in cases {
        let meta = open();
        meta.conn().exec(damage, &[]).unwrap();
        assert_eq!(
            kind(meta.read(&mut |tx| read(tx))),
            ErrorKind::Corrupt,
            "{damage}"
        );
    }
}
