//! What the conformance functions do not ask: limits, rollbacks, panics, R2.

use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, stream};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use workspace_core::store::BlobStore as _;
use workspace_core::{
    At, Change, ChangeOptions, Content, Error, ErrorKind, ForkOptions, FsckOptions, Options,
    Result, Timestamp, TreePath, Workspace, WriteOptions,
};
use workspace_durable_object::{DoSql, R2Blobs, context};
use workspace_sql::{SqlConn, SqlMeta, SqlValue};

const INSERT: &str = "INSERT INTO platform_rows (id, value) VALUES (?1, ?2)";

fn table(sql: &DoSql) -> Result<()> {
    sql.exec(
        "CREATE TABLE IF NOT EXISTS platform_rows (id INTEGER PRIMARY KEY, value BLOB)",
        &[],
    )?;
    Ok(())
}

fn insert(sql: &dyn SqlConn, id: i64, value: SqlValue<'_>) -> Result<bool> {
    sql.exec(INSERT, &[SqlValue::Integer(id), value])
}

fn count(sql: &DoSql) -> Result<i64> {
    let mut found = 0;
    sql.query("SELECT count(*) FROM platform_rows", &[], &mut |row| {
        if let [SqlValue::Integer(count)] = row {
            found = *count;
        }
        Ok(())
    })?;
    Ok(found)
}

/// Asserts what a connection owes beyond the store on it.
pub(crate) fn sql(sql: &DoSql) -> Result<String> {
    table(sql)?;
    sql.exec("DELETE FROM platform_rows", &[])?;
    values(sql)?;
    sql.exec("DELETE FROM platform_rows", &[])?;

    // An error rolls back every statement, and is returned as it was.
    let error = sql
        .transaction(&mut |tx| {
            insert(tx, 1, SqlValue::Null)?;
            insert(tx, 2, SqlValue::Null)?;
            Err(Error::new(ErrorKind::Stale, "test"))
        })
        .expect_err("the body fails");
    assert_eq!((error.kind(), count(sql)?), (ErrorKind::Stale, 0));

    // So does a failed statement, and the one after the failure still works.
    let error = sql
        .transaction(&mut |tx| {
            insert(tx, 1, SqlValue::Null)?;
            insert(tx, 1, SqlValue::Null)?;
            Ok(())
        })
        .expect_err("the id is taken");
    assert_eq!((error.kind(), count(sql)?), (ErrorKind::AlreadyExists, 0));
    sql.transaction(&mut |tx| insert(tx, 1, SqlValue::Null).map(drop))?;
    assert_eq!(count(sql)?, 1);

    // Whether something changed.
    let nothing = "INSERT INTO platform_rows (id) VALUES (1) ON CONFLICT (id) DO NOTHING";
    assert!(!sql.exec(nothing, &[])?);
    assert!(!sql.exec("DELETE FROM platform_rows WHERE id = 9", &[])?);
    assert!(sql.exec("DELETE FROM platform_rows WHERE id = 1", &[])?);

    // The limits of production, which the local runtime does not know.
    let large = vec![7; 2_000_001];
    let error = insert(sql, 1, SqlValue::Blob(&large)).expect_err("too large");
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    let error = sql.exec("no statement", &[]).expect_err("no SQL");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    Ok("the connection keeps its promises".into())
}

fn values(sql: &DoSql) -> Result<()> {
    let max = SqlValue::MAX_INTEGER;
    let large = vec![7; 1_900_000];
    let values = [
        SqlValue::Null,
        SqlValue::Integer(0),
        SqlValue::Integer(-1),
        SqlValue::Integer(max),
        SqlValue::Integer(-max),
        SqlValue::Text(""),
        SqlValue::Text("größe \u{1f980}"),
        SqlValue::Blob(b""),
        SqlValue::Blob(b"\0\xff"),
        SqlValue::Blob(&large),
    ];
    for (id, value) in (0..).zip(values) {
        insert(sql, id, value)?;
    }
    let mut rows = 0;
    let all = "SELECT value FROM platform_rows ORDER BY id";
    sql.query(all, &[], &mut |row| {
        assert!(row == [values[rows]], "value {rows}");
        rows += 1;
        Ok(())
    })?;
    assert_eq!(rows, values.len());

    // An error of the callback ends the query.
    let mut rows = 0;
    let error = sql.query(all, &[], &mut |_| {
        rows += 1;
        Err(Error::new(ErrorKind::Stale, "test"))
    });
    assert_eq!(error.map_err(|error| error.kind()), Err(ErrorKind::Stale));
    assert_eq!(rows, 1);

    // What JavaScript cannot carry is not rounded.
    let beyond = sql.query("SELECT 9007199254740993", &[], &mut |_| Ok(()));
    assert_eq!(
        beyond.map_err(|error| error.kind()),
        Err(ErrorKind::Corrupt)
    );
    Ok(())
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = scheduler)]
    fn wait(millis: f64) -> js_sys::Promise;
}

/// Is in flight for a while.
pub(crate) async fn in_flight() -> Result<String> {
    let waited = JsFuture::from(wait(20_000.0)).await;
    assert!(waited.is_ok(), "a timer does not fail");
    Ok(String::new())
}

/// Writes a row, then panics on the next turn.
pub(crate) async fn panic_later() -> Result<String> {
    let _ = JsFuture::from(js_sys::Promise::resolve(&js_sys::Object::new())).await;
    panic!("asked for, later")
}

/// Writes a row in a transaction and panics there.
pub(crate) fn panic_in_transaction(sql: &DoSql) -> Result<String> {
    table(sql)?;
    sql.transaction(&mut |tx| {
        insert(tx, 1_000, SqlValue::Null)?;
        panic!("asked for, in a transaction")
    })?;
    Ok(String::new())
}

/// Counts the rows that [`panic_in_transaction`] left.
pub(crate) fn rows(sql: &DoSql) -> Result<String> {
    table(sql)?;
    sql.exec("DELETE FROM platform_rows WHERE id < 1000", &[])?;
    count(sql).map(|count| count.to_string())
}

/// Writes a file of several parts through the facade, reads it back whole and in
/// part, and collects it.
pub(crate) async fn large(workspace: &Workspace, blobs: &R2Blobs) -> Result<String> {
    const CHUNK: usize = 300_007;
    const CHUNKS: usize = 40;
    let path = TreePath::new("/large.bin")?;
    let chunk = |n: usize| Bytes::from(vec![n as u8; CHUNK]);
    let stored = workspace
        .store(stream::iter((0..CHUNKS).map(move |n| Ok(chunk(n)))).boxed())
        .await?;
    let write = Change::Write {
        path: path.clone(),
        content: Content::Stored(stored),
        options: WriteOptions::default(),
    };
    let head = workspace.files(At::Head);
    head.change(vec![write], ChangeOptions::default()).await?;
    let all = head.read(&path).await?;
    assert_eq!(all.len(), CHUNK * CHUNKS);
    for (n, part) in all.chunks(CHUNK).enumerate() {
        assert!(part.iter().all(|byte| *byte == n as u8), "chunk {n}");
    }
    let edge = 20 * CHUNK as u64;
    let opened = head.open(&path, Some(edge - 2..edge + 2)).await?;
    let mut body = opened.body;
    let mut found = Vec::new();
    while let Some(chunk) = body.next().await {
        found.extend_from_slice(&chunk?);
    }
    assert_eq!(found, [19, 19, 20, 20]);
    let report = workspace
        .fsck(FsckOptions::default().contents(true))
        .await?;
    assert_eq!(report.problems, []);

    let remove = Change::Remove {
        path,
        recursive: false,
    };
    assert!(!blobs.list(None, 10).await?.is_empty());
    head.change(vec![remove], ChangeOptions::default()).await?;
    let collected = workspace.gc(|_| {}).await?;
    assert_eq!(blobs.list(None, 10).await?, []);
    Ok(format!("{} bytes, {collected:?}", all.len()))
}

/// Asserts how many rows a write of one file to a copy writes, as they are billed:
/// a row for each node on the way and for the content, one for the pack that holds
/// their bytes, and those of the operation, the copy and the event.
pub(crate) async fn billed(sql: DoSql, blobs: R2Blobs) -> Result<String> {
    let meta = Box::new(SqlMeta::open(sql.clone())?);
    let workspace = Workspace::create(meta, Arc::new(blobs), context(), Options::default())?;
    let write = |path: String, text: &str| -> Result<Change> {
        Ok(Change::Write {
            path: TreePath::new(&path)?,
            content: Content::Bytes(Bytes::from(text.to_owned())),
            options: WriteOptions::default().create_parents(true),
        })
    };
    let head = workspace.files(At::Head);
    let changes = (0..1000).map(|n| {
        let path = format!("/{}/{}/{}/{n}", n / 100, n / 10 % 10, n % 2);
        write(path, &n.to_string())
    });
    let changes = changes.collect::<Result<Vec<_>>>()?;
    head.change(changes, ChangeOptions::default()).await?;
    let named = ForkOptions::named("draft").expires(Timestamp::from_millis(Timestamp::MAX_MILLIS));
    let copy = workspace.fork(named)?.id;
    let files = workspace.files(At::Copy(copy));
    let mut most = 0;
    for n in [0, 123, 555, 999] {
        let path = format!("/{}/{}/{}/{n}", n / 100, n / 10 % 10, n % 2);
        let changes = vec![write(path, &format!("other {n}"))?];
        let before = sql.rows_written();
        files.change(changes, ChangeOptions::default()).await?;
        most = most.max(sql.rows_written() - before);
    }
    assert!(most <= 9, "{most} rows for one write");
    Ok(format!(
        "{most} rows are billed for a write three directories deep"
    ))
}
