//! The integrity check over damage that only a database can have, and durability.

use futures::executor::block_on;
use tempfile::TempDir;
use workspace_core::{
    At, Change, ChangeOptions, Content, CopyId, ErrorKind, ForkOptions, FsckOptions, FsckReport,
    Grant, GrantOptions, RevisionMessage, TreePath, Workspace, WriteOptions,
};
use workspace_native::{ObjectBlobs, Objects, SqliteConn};
use workspace_sql::{SqlConn, SqlValue};

fn write(workspace: &Workspace, at: At, path: &str, text: &str) {
    let change = Change::Write {
        path: TreePath::new(path).unwrap(),
        content: Content::Bytes(text.to_string().into()),
        options: WriteOptions::default(),
    };
    let view = workspace.files(at);
    block_on(view.change(vec![change], ChangeOptions::default())).unwrap();
}

/// A workspace of three revisions, four copies with operations, and four grants.
fn made() -> TempDir {
    let place = tempfile::tempdir().unwrap();
    let options = workspace_native::options();
    let workspace = workspace_native::create(place.path(), &Objects::Local, options).unwrap();
    for text in ["one", "two", "three"] {
        write(&workspace, At::Head, "/head", text);
        workspace.snapshot(RevisionMessage::default()).unwrap();
    }
    let mut last = None;
    for _ in 0..4 {
        let copy: CopyId = workspace.fork(ForkOptions::default()).unwrap().id;
        for text in ["1", "2", "3"] {
            write(&workspace, At::Copy(copy), "/copy", text);
        }
        last = Some(copy);
    }
    for _ in 0..4 {
        let options = GrantOptions::default();
        workspace
            .issue_grant(At::Copy(last.unwrap()), Grant::all(), options)
            .unwrap();
    }
    assert_eq!(check(&workspace, false).problems, []);
    place
}

fn check(workspace: &Workspace, repair: bool) -> FsckReport {
    let options = FsckOptions::default().contents(true).repair(repair);
    block_on(workspace.fsck(options)).unwrap()
}

fn damaged(sql: &str) -> (TempDir, Workspace) {
    let place = made();
    let conn = SqliteConn::open(&place.path().join("workspace.db")).unwrap();
    assert!(conn.exec(sql, &[]).unwrap(), "{sql}: nothing to damage");
    drop(conn);
    let workspace = workspace_native::open(place.path(), workspace_native::options()).unwrap();
    (place, workspace)
}

#[test]
fn rows_that_do_not_decode_are_problems_of_the_report() {
    for (sql, expected) in [
        (
            "UPDATE grants SET scopes = x'ff' WHERE id = (SELECT id FROM grants ORDER BY id LIMIT 1 OFFSET 1)",
            "grant ",
        ),
        // Two that follow one another stand for one.
        (
            "UPDATE grants SET scopes = x'ff' WHERE id IN (SELECT id FROM grants ORDER BY id LIMIT 2 OFFSET 1)",
            "grant ",
        ),
        (
            "UPDATE grants SET scopes = x'ff' WHERE id = (SELECT max(id) FROM grants)",
            "grant ",
        ),
        (
            "UPDATE copies SET tree = x'00' WHERE id = (SELECT min(id) FROM copies)",
            "copy ",
        ),
        (
            "UPDATE copies SET tree = x'00' WHERE id = (SELECT max(id) FROM copies)",
            "copy ",
        ),
        (
            "UPDATE operations SET after = x'00' WHERE id = 2 AND copy = (SELECT min(copy) FROM operations)",
            "operation 2",
        ),
        (
            "UPDATE revisions SET tree = x'00' WHERE id = 2",
            "revision 2",
        ),
        // The newest one, which head names as well.
        (
            "UPDATE revisions SET tree = x'00' WHERE id = 3",
            "revision 3",
        ),
        (
            "UPDATE revisions SET tree = x'00' WHERE id = 1",
            "revision 1",
        ),
        ("UPDATE events SET kind = 99 WHERE sequence = 4", "event 4"),
    ] {
        let (_place, workspace) = damaged(sql);
        let report = check(&workspace, false);
        let found: Vec<_> = report.problems.iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), 1, "{sql}: {found:?}");
        assert!(found[0].contains("does not decode"), "{sql}: {found:?}");
        assert!(found[0].contains(expected), "{sql}: {found:?}");
    }
}

#[test]
fn gaps_are_found() {
    for (sql, expected) in [
        (
            "DELETE FROM events WHERE sequence IN (3, 4)",
            "event 5: 2 before it are missing",
        ),
        (
            "DELETE FROM operations WHERE id = 2 AND copy = (SELECT min(copy) FROM operations)",
            "operations between 1 and 3 are missing",
        ),
        (
            "DELETE FROM operations WHERE id = 3 AND copy = (SELECT min(copy) FROM operations)",
            "its newest operation is missing",
        ),
        (
            "DELETE FROM revisions WHERE id = 1",
            "its parent 1 is missing and was not pruned",
        ),
    ] {
        let (_place, workspace) = damaged(sql);
        let found = check(&workspace, false).problems;
        assert_eq!(found.len(), 1, "{sql}: {found:?}");
        assert!(found[0].to_string().contains(expected), "{sql}: {found:?}");
    }
}

#[test]
fn a_content_whose_row_does_not_decode_is_dropped_and_healed() {
    for damage in ["size = -1", "place = 1 << 40"] {
        let sql = format!("UPDATE contents SET {damage} WHERE id = (SELECT min(id) FROM contents)");
        let (_place, workspace) = damaged(&sql);
        let report = check(&workspace, false);
        assert_eq!(
            (report.problem_count, report.repaired),
            (1, 0),
            "{report:?}"
        );
        let problem = &report.problems[0];
        assert!(problem.subject.starts_with("content "), "{report:?}");
        let report = check(&workspace, true);
        assert_eq!(
            (report.problem_count, report.repaired),
            (1, 1),
            "{report:?}"
        );
        for text in ["one", "two", "three", "1", "2", "3"] {
            write(&workspace, At::Head, &format!("/again {text}"), text);
        }
        assert_eq!(check(&workspace, false).problems, []);
    }
}

#[test]
fn a_workspace_without_its_objects_is_not_opened() {
    let place = tempfile::tempdir().unwrap();
    let options = workspace_native::options;
    let workspace = workspace_native::create(place.path(), &Objects::Local, options()).unwrap();
    let large = "x".repeat(1_000_001);
    write(&workspace, At::Head, "/large", &large);
    drop(workspace);
    let [objects, away] = ["objects", "objects.away"].map(|name| place.path().join(name));
    std::fs::rename(&objects, &away).unwrap();
    for _ in 0..2 {
        let refused = workspace_native::open(place.path(), options()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unavailable);
        assert!(refused.to_string().contains("objects"), "{refused}");
        let refused = workspace_native::open_or_create(place.path()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unavailable);
    }
    std::fs::rename(&away, &objects).unwrap();
    let workspace = workspace_native::open(place.path(), options()).unwrap();
    assert_eq!(check(&workspace, true).problems, []);
}

/// That a commit is durable when it returns hangs on these.
#[test]
fn commits_are_flushed() {
    let place = tempfile::tempdir().unwrap();
    let conn = SqliteConn::create(&place.path().join("a.db")).unwrap();
    for (pragma, wanted) in [
        ("synchronous", "2"),
        ("fullfsync", "1"),
        ("journal_mode", "wal"),
        ("locking_mode", "exclusive"),
    ] {
        let mut found = String::new();
        conn.query(&format!("PRAGMA {pragma}"), &[], &mut |row| {
            found = match row[0] {
                SqlValue::Integer(n) => n.to_string(),
                SqlValue::Text(text) => text.into(),
                _ => String::new(),
            };
            Ok(())
        })
        .unwrap();
        assert_eq!(found, wanted, "{pragma}");
    }
}

/// An object is on disk when `put` returns: what stores it says that it flushes.
#[test]
fn objects_are_flushed() {
    let place = tempfile::tempdir().unwrap();
    let blobs = ObjectBlobs::local(place.path()).unwrap();
    assert!(format!("{blobs:?}").contains("fsync: true"), "{blobs:?}");
}
