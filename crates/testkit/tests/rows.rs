//! What calls change in the tables of SQLite, by its own count of rows.

mod sqlite;

use std::sync::Arc;

use bytes::Bytes;
use futures::executor::block_on;
use sqlite::MemorySqlite;
use workspace_core::{
    At, Change, ChangeOptions, Content, ForkOptions, Options, TreePath, Workspace, WriteOptions,
};
use workspace_sql::SqlMeta;
use workspace_testkit::{MemoryBlobs, TestContext};

fn workspace(files: usize) -> (Workspace, MemorySqlite) {
    let database = MemorySqlite::new();
    let meta = SqlMeta::open(database.clone()).expect("a new database");
    let workspace = Workspace::create(
        Box::new(meta),
        Arc::new(MemoryBlobs::new()),
        TestContext::new(1).context(),
        Options::default(),
    )
    .expect("new storage");
    let changes = (0..files).map(|n| write(&path_of(n), &format!("text {n}")));
    let head = workspace.files(At::Head);
    block_on(head.change(changes.collect(), ChangeOptions::default())).expect("these can be made");
    (workspace, database)
}

fn path_of(n: usize) -> String {
    // So few to a directory that each is one node.
    format!("/{}/{}/{n}", n / 400, n / 20 % 20)
}

fn write(path: &str, text: &str) -> Change {
    Change::Write {
        path: TreePath::new(path).expect("a path"),
        content: Content::Bytes(Bytes::from(text.to_owned())),
        options: WriteOptions::default().create_parents(true),
    }
}

#[test]
fn a_collection_writes_in_proportion_to_what_it_deletes() {
    let (workspace, database) = workspace(20_000);
    block_on(workspace.gc(|_| {})).unwrap();
    let head = workspace.files(At::Head);
    for text in ["once", "again"] {
        let changes = vec![write("/one-more", text)];
        block_on(head.change(changes, ChangeOptions::default())).unwrap();
    }
    let before = database.changed_rows();
    let collected = block_on(workspace.gc(|_| {})).unwrap();
    let changed = database.changed_rows() - before;
    assert_eq!((collected.nodes, collected.contents), (2, 1));
    println!("{changed} rows changed by a collection of 20,000 files");
    assert!(changed < 100, "{changed} rows");
}

#[test]
fn a_write_changes_nine_rows() {
    let (workspace, database) = workspace(3_000);
    let copy = workspace.fork(ForkOptions::default()).unwrap().id;
    let files = workspace.files(At::Copy(copy));
    for n in [5, 1234, 2999] {
        let before = database.changed_rows();
        let changes = vec![write(&path_of(n), "other")];
        block_on(files.change(changes, ChangeOptions::default())).unwrap();
        // Three nodes, the content (new the first time), a pack, the operation, the
        // copy and the event.
        let new = u64::from(n == 5);
        assert_eq!(database.changed_rows() - before, 7 + new, "{n}");
    }
}
