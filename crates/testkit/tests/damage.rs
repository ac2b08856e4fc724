//! What the integrity check says of rows of SQLite that do not decode, and does about them.

mod sqlite;

use std::sync::Arc;

use futures::executor::block_on;
use sqlite::MemorySqlite;
use workspace_core::store::{MemoRecord, MetaStore as _};
use workspace_core::{
    At, Change, ChangeOptions, ContentId, CopyId, ForkOptions, FsckOptions, FsckReport, Options,
    RequestHash, Timestamp, Workspace,
};
use workspace_sql::{SqlConn, SqlMeta};
use workspace_testkit::{MemoryBlobs, TestContext};

const TEXT: &str = "some text";

struct Fixture {
    workspace: Workspace,
    database: MemorySqlite,
    copy: CopyId,
}

/// Head with a file in a row, recorded twice, a copy with one operation, and a collection
/// that has ended.
fn fixture() -> Fixture {
    let database = MemorySqlite::new();
    let meta = SqlMeta::open(database.clone()).expect("a new database");
    let memo = MemoRecord {
        holder: None,
        key: "key".parse().expect("a key"),
        request: RequestHash::from_bytes([7; 32]),
        answer: "answer".into(),
        at: Timestamp::from_millis(Timestamp::MAX_MILLIS),
    };
    meta.write(&mut |tx| tx.put_memo(&memo))
        .expect("a new database");
    let workspace = Workspace::create(
        Box::new(meta),
        Arc::new(MemoryBlobs::new()),
        TestContext::new(1).context(),
        Options::default(),
    )
    .expect("new storage");
    let write = |at: At, path: &str, text: &str| {
        let change = Change::write(path, text).expect("a path");
        let files = workspace.files(at);
        block_on(files.change(vec![change], ChangeOptions::default())).expect("it can be made");
    };
    write(At::Head, "/file", TEXT);
    workspace.snapshot("one".into()).expect("head is there");
    write(At::Head, "/other", "another text");
    workspace.snapshot("two".into()).expect("head is there");
    let copy = workspace.fork(ForkOptions::default()).expect("a fork").id;
    write(At::Copy(copy), "/mine", "mine");
    block_on(workspace.gc(|_| {})).expect("a collection");
    Fixture {
        workspace,
        database,
        copy,
    }
}

impl Fixture {
    fn damage(&self, sql: &str) {
        let changed = self.database.exec(sql, &[]).expect("it is SQL");
        assert!(changed, "{sql}");
    }

    fn check(&self, options: FsckOptions) -> FsckReport {
        block_on(self.workspace.fsck(options)).expect("a check tells of damage in its report")
    }

    fn problems(&self, options: FsckOptions) -> Vec<String> {
        let report = self.check(options);
        report.problems.iter().map(ToString::to_string).collect()
    }
}

#[test]
fn rows_that_do_not_decode_are_problems_and_no_failures() {
    let cases = [
        ("UPDATE collection SET phase = 99", "collection"),
        ("UPDATE head SET tree = x'00'", "head"),
        (
            "UPDATE revisions SET tree = x'00' WHERE id = 2",
            "revision 2",
        ),
        (
            "UPDATE revisions SET tree = x'00' WHERE id = 1",
            "revision 1",
        ),
        ("UPDATE copies SET tree = x'00'", "copy"),
        ("UPDATE operations SET after = x'00'", "operation 1"),
        ("UPDATE events SET kind = 99 WHERE sequence = 2", "event 2"),
        ("UPDATE memos SET key = 'two words'", "memo 1"),
        ("UPDATE memos SET holder = x'00'", "memo 1"),
        ("UPDATE memos SET request = x'00'", "memo 1"),
    ];
    for (damage, subject) in cases {
        let fixture = fixture();
        assert_eq!(fixture.problems(FsckOptions::default()), [""; 0]);
        fixture.damage(damage);
        for options in [FsckOptions::default(), FsckOptions::default().repair(true)] {
            let found = fixture.problems(options);
            let told = |problem: &&String| {
                problem.contains(subject) && problem.contains("does not decode")
            };
            assert_eq!(found.iter().filter(told).count(), 1, "{damage}: {found:?}");
        }
    }
}

/// A copy whose parent does not decode is told as one whose parent cannot be read.
#[test]
fn a_parent_that_does_not_decode_is_said_to_be_missing() {
    let fixture = fixture();
    let options = ForkOptions::of_copy(fixture.copy);
    let child = fixture.workspace.fork(options).expect("a fork").id;
    fixture.damage("UPDATE copies SET tree = x'00' WHERE parent IS NULL");
    let found = fixture.problems(FsckOptions::default());
    let expected = format!(
        "copy {child}: its parent, copy {}, is missing",
        fixture.copy
    );
    assert!(
        found.iter().any(|it| it.starts_with(&expected)),
        "{found:?}"
    );
}

/// A repair drops the row of a content that does not decode, so that the same bytes heal
/// it; one that cannot even be dropped is left, and told.
#[test]
fn a_content_that_does_not_decode_is_dropped_where_it_can_be() {
    let id = ContentId::of(TEXT.as_bytes());
    for (damage, dropped) in [
        ("object = 'NOT A KEY'", true),
        ("place = 64 * 999", true),
        ("size = -1", true),
    ] {
        let fixture = fixture();
        fixture.damage(&format!("UPDATE contents SET {damage} WHERE id = x'{id}'"));
        let found = fixture.problems(FsckOptions::default());
        assert_eq!(found.len(), 1, "{damage}: {found:?}");
        let expected = format!("content {id}: it does not decode");
        assert!(found[0].starts_with(&expected), "{damage}: {found:?}");
        assert_eq!(fixture.problems(FsckOptions::default()), found);
        let report = fixture.check(FsckOptions::default().repair(true));
        assert_eq!(report.problems.len(), 1, "{damage}: {report:?}");
        assert_eq!(report.problems[0].repair.is_some(), dropped, "{damage}");
        let files = fixture.workspace.files(At::Head);
        let again = vec![Change::write("/again", TEXT).expect("a path")];
        let healed = block_on(files.change(again, ChangeOptions::default()));
        assert_eq!(healed.is_ok(), dropped, "{damage}: {healed:?}");
        let left = fixture.problems(FsckOptions::default());
        assert_eq!(left.is_empty(), dropped, "{damage}: {left:?}");
    }
}
