//! The schema is versioned from version 1 on.

use crate::common::{MemoryConn, kind};
use rusqlite::types::Value;
use workspace_core::store::{MetaStore, MetaTx, Place, Purpose, WhichGrants};
use workspace_core::{ErrorKind, GrantId};
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

/// A database of version 2, as that release wrote it: imported, with an applied
/// copy, an open one with two operations, two grants, and a content in an object.
const VERSION_2: &str = include_str!("version2.sql");

fn version_2() -> MemoryConn {
    let conn = MemoryConn::new();
    conn.db.execute_batch(VERSION_2).unwrap();
    conn
}

#[test]
fn an_older_database_is_upgraded() {
    let new = dump(SqlMeta::open(MemoryConn::new()).unwrap().conn());
    let meta = SqlMeta::open(version_2()).unwrap();
    assert_eq!(schema_version(meta.conn()).unwrap(), SCHEMA_VERSION);
    assert_eq!(dump(meta.conn()), new);
}

#[test]
fn an_upgrade_keeps_everything() {
    let old = version_2();
    let rows = |conn: &MemoryConn, sql: &str| {
        let mut found = conn.db.prepare(sql).unwrap();
        let columns = found.column_count();
        let rows = found.query_map([], |row| {
            (0..columns)
                .map(|column| row.get::<_, rusqlite::types::Value>(column))
                .collect::<Result<Vec<_>, _>>()
        });
        rows.unwrap().map(Result::unwrap).collect::<Vec<_>>()
    };
    let kept = [
        "SELECT * FROM head",
        "SELECT id, name, state, base_version, base, tree, generation, operation, created, modified, \
         expires FROM copies ORDER BY id",
        "SELECT copy, id, cause, reference, actor, note, at, before, after FROM operations \
         ORDER BY copy, id",
        "SELECT * FROM revisions ORDER BY id",
        "SELECT * FROM events ORDER BY sequence",
        "SELECT id, token, copy, label, actor, created, expires FROM grants ORDER BY id",
    ];
    let before = kept.map(|sql| rows(&old, sql));
    let applied = rows(&old, "SELECT id, revision FROM copies ORDER BY id");
    let nodes = rows(&old, "SELECT id, encoded FROM nodes ORDER BY id");
    let contents = rows(
        &old,
        "SELECT id, size, object, bytes FROM contents ORDER BY id",
    );
    assert!(nodes.len() > 5 && contents.len() > 40);

    let meta = SqlMeta::open(old).unwrap();
    let conn = meta.conn();
    assert_eq!(kept.map(|sql| rows(conn, sql)), before);
    let renamed = "SELECT id, applied FROM copies WHERE parent IS NULL ORDER BY id";
    assert_eq!(rows(conn, renamed), applied);
    let mut seen: Vec<Vec<Value>> = Vec::new();
    meta.read(&mut |tx| {
        for id in tx.nodes(None, 999)? {
            let encoded = tx.node(&id)?.unwrap();
            seen.push(vec![id.as_bytes().to_vec().into(), encoded.to_vec().into()]);
        }
        Ok(())
    })
    .unwrap();
    assert_eq!(seen, nodes);
    let mut seen: Vec<Vec<Value>> = Vec::new();
    meta.read(&mut |tx| {
        for id in tx.contents(None, 999)? {
            let content = tx.content(&id)?.unwrap();
            let (object, bytes) = match content.place {
                Place::Object(key) => (key.as_str().to_owned().into(), Value::Null),
                Place::Inline(bytes) => (Value::Null, bytes.to_vec().into()),
                place => panic!("{place:?}"),
            };
            let size = (content.size as i64).into();
            seen.push(vec![id.as_bytes().to_vec().into(), size, object, bytes]);
        }
        Ok(())
    })
    .unwrap();
    assert_eq!(seen, contents);
    let grants = |tx: &dyn MetaTx| tx.grants(WhichGrants::Every, None, 9);
    meta.read(&mut |tx| {
        let found = grants(tx)?;
        let Purpose::Files(narrow) = &found[0].purpose else {
            panic!("{:?}", found[0]);
        };
        assert_eq!(found.len(), 2);
        assert_eq!(narrow.scopes()[0].root.as_str(), "/docs");
        assert_eq!(narrow.scopes()[0].write[0].as_str(), "/*.md");
        Ok(())
    })
    .unwrap();
}

/// Grants of before version 4 do not say which was issued: their parents do. Whose line
/// is broken is dead, and is not kept.
#[test]
fn an_upgrade_finds_what_each_grant_was_made_from() {
    let old = version_2();
    let put = |n: u8, parent: Option<u8>| {
        let text = |n: u8| format!("{n:02x}").repeat(16);
        let parent = parent.map_or("NULL".into(), |n| format!("x'{}'", text(n)));
        let (id, token) = (text(n), format!("{n:02x}").repeat(32));
        let sql = format!(
            "INSERT INTO grants (id, token, copy, scopes, label, actor, parent, created)
             VALUES (x'{id}', x'{token}', x'{}', x'', 'label', 'actor', {parent}, 5)",
            text(0x77)
        );
        old.exec(&sql, &[]).unwrap();
    };
    for (n, parent) in [
        (1, None),
        (2, Some(1)),
        (3, Some(2)),
        (4, Some(3)),
        (5, None),
        (6, Some(5)),
        // Whose parent is gone, and what was made from it.
        (7, Some(0x55)),
        (8, Some(7)),
        // Altered, so that they lead to one another.
        (9, Some(10)),
        (10, Some(9)),
    ] {
        put(n, parent);
    }
    let meta = SqlMeta::open(old).unwrap();
    let mut found = Vec::new();
    meta.read(&mut |tx| {
        let grants = tx.grants(WhichGrants::Every, None, 99)?;
        let ours = grants.iter().filter(|grant| grant.label == "label");
        found = ours
            .map(|grant| {
                let first = |id: &GrantId| id.as_bytes()[0];
                assert_eq!((grant.budget, grant.used), Default::default());
                (first(&grant.id), grant.top.as_ref().map(first))
            })
            .collect();
        Ok(())
    })
    .unwrap();
    found.sort_unstable();
    let expected = [
        (1, None),
        (2, Some(1)),
        (3, Some(1)),
        (4, Some(1)),
        (5, None),
        (6, Some(5)),
    ];
    assert_eq!(found, expected);
}

#[test]
fn an_upgrade_passes_over_what_does_not_decode() {
    let old = version_2();
    for damage in [
        "UPDATE nodes SET id = x'00' WHERE rowid = 1",
        "UPDATE contents SET bytes = NULL
         WHERE rowid = (SELECT min(rowid) FROM contents WHERE object IS NULL)",
        "UPDATE contents SET object = 'NOT A KEY', bytes = NULL
         WHERE rowid = (SELECT max(rowid) FROM contents WHERE object IS NULL)",
    ] {
        old.exec(damage, &[]).unwrap();
    }
    let count = |sql: &str| {
        old.db.query_row(sql, [], |row| {
            row.get::<_, i64>(0).map(|count| count as usize)
        })
    };
    let nodes = count("SELECT count(*) FROM nodes").unwrap();
    let contents = count("SELECT count(*) FROM contents").unwrap();
    let meta = SqlMeta::open(old).unwrap();
    meta.read(&mut |tx| {
        assert_eq!(tx.nodes(None, 999)?.len(), nodes - 1);
        assert_eq!(tx.contents(None, 999)?.len(), contents - 2);
        Ok(())
    })
    .unwrap();
}

/// A row that lost its bytes must not become full authority.
#[test]
fn scopes_without_a_version_are_corrupt() {
    let meta = SqlMeta::open(version_2()).unwrap();
    for damage in ["x''", "x'00'", "x'02'"] {
        let sql = format!("UPDATE grants SET scopes = {damage}");
        meta.conn().exec(&sql, &[]).unwrap();
        let read = meta.read(&mut |tx| tx.grants(WhichGrants::Every, None, 9).map(drop));
        assert_eq!(kind(read), ErrorKind::Corrupt, "{damage}");
    }
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
         written by a newer release; this one reads up to version 6"
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
