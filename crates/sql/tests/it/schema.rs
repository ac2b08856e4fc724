//! The schema is versioned from version 1 on.

use crate::common::{MemoryConn, kind};
use workspace_core::ErrorKind;
use workspace_sql::{SCHEMA_VERSION, SqlConn, SqlMeta, schema_version};

fn dump(conn: &MemoryConn) -> String {
    let mut sql = conn
        .db
        .prepare("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY type DESC, name")
        .unwrap();
    let texts = sql.query_map([], |row| row.get::<_, String>(0)).unwrap();
    texts.map(|text| text.unwrap() + ";\n\n").collect()
}

#[test]
fn the_schema_is_what_docs_show() {
    let meta = SqlMeta::open(MemoryConn::new()).unwrap();
    assert_eq!(schema_version(meta.conn()).unwrap(), SCHEMA_VERSION);
    insta::assert_snapshot!(dump(meta.conn()));
}

#[test]
fn an_empty_database_has_version_0() {
    assert_eq!(schema_version(&MemoryConn::new()).unwrap(), 0);
}

#[test]
fn opening_again_writes_nothing() {
    let meta = SqlMeta::open(MemoryConn::new()).unwrap();
    let conn = meta.conn();
    conn.statements.borrow_mut().clear();
    SqlMeta::open(conn).unwrap();
    assert_eq!(schema_version(conn).unwrap(), SCHEMA_VERSION);
    let statements = conn.statements.borrow();
    assert!(statements.iter().all(|sql| sql.starts_with("SELECT")));
}

#[test]
fn an_older_database_is_upgraded() {
    let meta = SqlMeta::open(MemoryConn::new()).unwrap();
    let conn = meta.conn();
    let new = dump(conn);
    for undo in [
        "DROP TABLE events",
        "DROP TABLE grants",
        "DROP INDEX expiring_copies",
        "DROP INDEX closed_copies",
        "ALTER TABLE collection DROP COLUMN began",
        "UPDATE schema SET version = 1",
    ] {
        conn.exec(undo, &[]).unwrap();
    }
    SqlMeta::open(conn).unwrap();
    assert_eq!(schema_version(conn).unwrap(), SCHEMA_VERSION);
    assert_eq!(dump(conn), new);
}

#[test]
fn a_newer_database_is_refused_and_not_changed() {
    let meta = SqlMeta::open(MemoryConn::new()).unwrap();
    let conn = meta.conn();
    conn.exec("UPDATE schema SET version = 99", &[]).unwrap();
    conn.exec("CREATE TABLE later (x)", &[]).unwrap();
    let before = (dump(conn), conn.db.total_changes());
    let error = SqlMeta::open(conn).map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert_eq!(
        error.to_string(),
        "open database schema version 99: unsupported: \
         written by a newer release; this one reads up to version 2"
    );
    assert_eq!((dump(conn), conn.db.total_changes()), before);
}

#[test]
fn a_migration_that_fails_leaves_nothing() {
    let conn = MemoryConn::new();
    // In the way of a statement in the middle.
    conn.exec("CREATE TABLE operations (x)", &[]).unwrap();
    let before = dump(&conn);
    assert_eq!(
        kind(SqlMeta::open(&conn).map(|_| ())),
        ErrorKind::Unavailable
    );
    assert_eq!(dump(&conn), before);
    conn.exec("DROP TABLE operations", &[]).unwrap();
    assert!(SqlMeta::open(&conn).is_ok());
}

#[test]
fn a_version_that_does_not_decode_is_corrupt() {
    let meta = SqlMeta::open(MemoryConn::new()).unwrap();
    let conn = meta.conn();
    for damage in ["UPDATE schema SET version = 0", "DELETE FROM schema"] {
        conn.exec(damage, &[]).unwrap();
        assert_eq!(kind(schema_version(conn)), ErrorKind::Corrupt, "{damage}");
    }
}
