//! The tables, and how a database comes to have them.

use bytes::Bytes;
use workspace_core::store::{ContentRecord, MetaTx, Place};
use workspace_core::{ContentId, Error, ErrorKind, Result, TreeId};

use crate::conn::{SqlConn, SqlValue};
use crate::record;
use crate::row::Row;
use crate::tx::Tx;

/// The statements of each version, from version 1 on. What has been released is
/// never edited: a change is a further entry.
///
/// Rows that are keyed by a hash are small, as a write dirties one page for each; the
/// bytes of nodes and contents are appended, in packs. Tables of small rows, and those
/// that are paged by their key, are WITHOUT ROWID.
const MIGRATIONS: &[&[&str]] = &[
    VERSION_1, VERSION_2, VERSION_3, VERSION_4, VERSION_5, VERSION_6,
];

const VERSION_1: &[&str] = &[
    "CREATE TABLE schema (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  version INTEGER NOT NULL
) STRICT",
    "CREATE TABLE head (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  version INTEGER NOT NULL,
  tree BLOB NOT NULL,
  revision INTEGER,
  recorded BLOB,
  modified INTEGER NOT NULL
) STRICT",
    "CREATE TABLE nodes (
  id BLOB NOT NULL UNIQUE,
  encoded BLOB NOT NULL
) STRICT",
    "CREATE TABLE contents (
  id BLOB NOT NULL UNIQUE,
  size INTEGER NOT NULL,
  object TEXT,
  bytes BLOB
) STRICT",
    "CREATE INDEX contents_by_object ON contents (object) WHERE object IS NOT NULL",
    "CREATE TABLE copies (
  id BLOB PRIMARY KEY,
  name TEXT,
  state INTEGER NOT NULL,
  revision INTEGER,
  base_version INTEGER NOT NULL,
  base BLOB NOT NULL,
  tree BLOB NOT NULL,
  generation INTEGER NOT NULL,
  operation INTEGER,
  created INTEGER NOT NULL,
  modified INTEGER NOT NULL,
  expires INTEGER
) STRICT, WITHOUT ROWID",
    "CREATE INDEX open_copies ON copies (id) WHERE state = 0",
    "CREATE UNIQUE INDEX open_copies_by_name ON copies (name)
  WHERE state = 0 AND name IS NOT NULL",
    "CREATE TABLE operations (
  copy BLOB NOT NULL,
  id INTEGER NOT NULL,
  cause INTEGER NOT NULL,
  reference INTEGER,
  actor TEXT NOT NULL,
  note TEXT NOT NULL,
  at INTEGER NOT NULL,
  before BLOB NOT NULL,
  after BLOB NOT NULL,
  PRIMARY KEY (copy, id)
) STRICT, WITHOUT ROWID",
    "CREATE TABLE revisions (
  id INTEGER PRIMARY KEY,
  parent INTEGER,
  tree BLOB NOT NULL,
  version INTEGER NOT NULL,
  cause INTEGER NOT NULL,
  copy BLOB,
  restored INTEGER,
  actor TEXT NOT NULL,
  message TEXT NOT NULL,
  at INTEGER NOT NULL,
  metadata BLOB
) STRICT",
    "CREATE TABLE collection (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  phase INTEGER NOT NULL,
  number INTEGER,
  cursor BLOB,
  nodes INTEGER NOT NULL,
  contents INTEGER NOT NULL
) STRICT",
    "CREATE TABLE node_marks (
  id BLOB PRIMARY KEY,
  scanned INTEGER NOT NULL
) STRICT, WITHOUT ROWID",
    "CREATE INDEX unscanned_node_marks ON node_marks (id) WHERE scanned = 0",
    "CREATE TABLE content_marks (
  id BLOB PRIMARY KEY
) STRICT, WITHOUT ROWID",
];

const VERSION_2: &[&str] = &[
    "CREATE TABLE events (
  sequence INTEGER PRIMARY KEY,
  kind INTEGER NOT NULL,
  copy BLOB,
  generation INTEGER,
  version INTEGER,
  tree BLOB,
  revision INTEGER,
  actor TEXT,
  at INTEGER NOT NULL
) STRICT",
    "CREATE TABLE grants (
  id BLOB PRIMARY KEY,
  token BLOB NOT NULL UNIQUE,
  copy BLOB,
  revision INTEGER,
  tree BLOB,
  scopes BLOB,
  page TEXT,
  fallback TEXT,
  label TEXT NOT NULL,
  actor TEXT NOT NULL,
  parent BLOB,
  created INTEGER NOT NULL,
  expires INTEGER
) STRICT, WITHOUT ROWID",
    "CREATE INDEX grants_by_copy ON grants (copy, id) WHERE scopes IS NOT NULL",
    "CREATE INDEX previews ON grants (id) WHERE page IS NOT NULL",
    "CREATE INDEX expiring_copies ON copies (expires) WHERE state = 0 AND expires IS NOT NULL",
    "CREATE INDEX closed_copies ON copies (modified) WHERE state > 0",
    "ALTER TABLE collection ADD COLUMN began INTEGER NOT NULL DEFAULT 0",
];

const VERSION_3: &[&str] = &[
    "ALTER TABLE nodes RENAME TO old_nodes",
    "ALTER TABLE contents RENAME TO old_contents",
    "DROP INDEX contents_by_object",
    "CREATE TABLE packs (
  number INTEGER PRIMARY KEY,
  directory BLOB NOT NULL,
  bytes BLOB NOT NULL
) STRICT",
    "CREATE TABLE nodes (
  id BLOB PRIMARY KEY,
  place INTEGER NOT NULL
) STRICT, WITHOUT ROWID",
    "CREATE TABLE contents (
  id BLOB PRIMARY KEY,
  place INTEGER NOT NULL,
  size INTEGER NOT NULL,
  object TEXT
) STRICT, WITHOUT ROWID",
    "CREATE INDEX contents_by_object ON contents (object) WHERE object IS NOT NULL",
    INTO_PACKS,
    "DROP TABLE old_nodes",
    "DROP TABLE old_contents",
    "DROP TABLE node_marks",
    "DROP TABLE content_marks",
    "CREATE TABLE marks (
  number INTEGER PRIMARY KEY,
  bits BLOB NOT NULL
) STRICT",
    "CREATE TABLE unscanned (
  number INTEGER PRIMARY KEY,
  ids BLOB NOT NULL
) STRICT",
    // One that was under way begins anew: its marks are gone.
    "DELETE FROM collection WHERE phase <> 9",
    "UPDATE grants SET scopes = CAST(x'01' || scopes AS BLOB) WHERE scopes IS NOT NULL",
];

const VERSION_4: &[&str] = &[
    "ALTER TABLE grants ADD COLUMN root TEXT",
    "ALTER TABLE grants ADD COLUMN hidden INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE grants ADD COLUMN top BLOB",
    "ALTER TABLE grants ADD COLUMN max_bytes INTEGER",
    "ALTER TABLE grants ADD COLUMN max_entries INTEGER",
    "ALTER TABLE grants ADD COLUMN used_bytes INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE grants ADD COLUMN used_entries INTEGER NOT NULL DEFAULT 0",
    // Each is the one above that has none above; UNION ends where a row is altered.
    "UPDATE grants SET top = (
  WITH RECURSIVE above (id, parent) AS (
    SELECT own.id, own.parent FROM grants AS own WHERE own.id = grants.id
    UNION SELECT up.id, up.parent FROM grants AS up JOIN above ON up.id = above.parent
  )
  SELECT above.id FROM above WHERE above.parent IS NULL
) WHERE parent IS NOT NULL",
    // Those whose line is broken are dead, and would not be counted.
    "DELETE FROM grants WHERE parent IS NOT NULL AND top IS NULL",
    "DROP INDEX grants_by_copy",
    "CREATE INDEX grants_by_target ON grants (copy, revision, tree, id)
  WHERE scopes IS NOT NULL",
    "CREATE INDEX issued_grants ON grants (copy, revision, tree, id)
  WHERE scopes IS NOT NULL AND parent IS NULL",
    "CREATE INDEX grants_by_parent ON grants (parent, id) WHERE parent IS NOT NULL",
    "CREATE INDEX grants_by_top ON grants (top, id) WHERE top IS NOT NULL",
];

/// Stands for [`into_packs`] among the statements.
const INTO_PACKS: &str = "-- into packs";

/// Rows with their numbers; `None` for what does not decode.
type Page<T> = Vec<(u64, Option<T>)>;

/// Moves nodes and contents from rows of their own into packs, a few at a time.
/// A row that does not decode is passed over: what it was is then missing, as the
/// integrity check tells, and all else can be read.
fn into_packs(conn: &dyn SqlConn) -> Result<()> {
    const PAGE: usize = 16;
    let tx = Tx::new(conn, None);
    let mut last = 0;
    loop {
        let sql = format!(
            "SELECT rowid, id, encoded FROM old_nodes WHERE rowid > ?1 ORDER BY rowid LIMIT {PAGE}"
        );
        let mut page: Page<(TreeId, Vec<u8>)> = Vec::new();
        conn.query(&sql, &[SqlValue::Integer(last)], &mut |values| {
            let mut row = Row::new("nodes", values);
            let rowid = row.number()?;
            let node = row.id().and_then(|id| Ok((id, row.bytes()?.to_vec())));
            page.push((rowid, node.ok()));
            Ok(())
        })?;
        for (id, encoded) in page.iter().filter_map(|(_, node)| node.as_ref()) {
            tx.put_node(id, encoded)?;
        }
        match page.last() {
            Some((rowid, _)) => last = *rowid as i64,
            None => break,
        }
    }
    last = 0;
    loop {
        let sql = format!(
            "SELECT rowid, id, size, object, bytes FROM old_contents WHERE rowid > ?1
             ORDER BY rowid LIMIT {PAGE}"
        );
        let mut page: Page<(ContentId, ContentRecord)> = Vec::new();
        conn.query(&sql, &[SqlValue::Integer(last)], &mut |values| {
            let mut row = Row::new("contents", values);
            page.push((row.number()?, old_content(&mut row).ok()));
            Ok(())
        })?;
        for (id, content) in page.iter().filter_map(|(_, content)| content.as_ref()) {
            tx.put_content(id, content)?;
        }
        match page.last() {
            Some((rowid, _)) => last = *rowid as i64,
            None => break,
        }
    }
    tx.finish().map(drop)
}

/// Copies of copies.
const VERSION_5: &[&str] = &[
    "ALTER TABLE copies ADD COLUMN parent BLOB",
    "ALTER TABLE copies ADD COLUMN top BLOB",
    "ALTER TABLE copies RENAME COLUMN revision TO applied",
    "CREATE INDEX nested_copies ON copies (top) WHERE state = 0 AND top IS NOT NULL",
    "ALTER TABLE operations ADD COLUMN applied BLOB",
];

/// Memos. A row without a grant has an empty one, as null is unlike any other.
const VERSION_6: &[&str] = &[
    "CREATE TABLE memos (
  number INTEGER PRIMARY KEY,
  key TEXT NOT NULL,
  holder BLOB NOT NULL,
  request BLOB NOT NULL,
  at INTEGER NOT NULL,
  answer BLOB NOT NULL
) STRICT",
    "CREATE UNIQUE INDEX memos_by_key ON memos (key, holder)",
];

/// Reads a content as versions 1 and 2 had it.
fn old_content(row: &mut Row<'_>) -> Result<(ContentId, ContentRecord)> {
    let (id, size) = (row.id()?, row.number()?);
    let place = match (record::object(row)?, row.optional_bytes()?) {
        (Some(key), None) => Place::Object(key),
        (None, Some(bytes)) => Place::Inline(Bytes::copy_from_slice(bytes)),
        _ => return Err(row.corrupt("not exactly one of object and bytes")),
    };
    Ok((id, ContentRecord { size, place }))
}

/// The schema version that this build writes.
pub const SCHEMA_VERSION: u64 = MIGRATIONS.len() as u64;

/// Returns the schema version of a database; 0 where it holds no workspace.
///
/// # Errors
/// The database's own.
pub fn schema_version(conn: &dyn SqlConn) -> Result<u64> {
    let mut version = 0;
    conn.read(&mut |conn| {
        version = stored_version(conn)?;
        Ok(())
    })?;
    Ok(version)
}

fn stored_version(conn: &dyn SqlConn) -> Result<u64> {
    // DO SQL has no user_version pragma, so the version is a row.
    let mut exists = false;
    let table = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'schema'";
    conn.query(table, &[], &mut |_| {
        exists = true;
        Ok(())
    })?;
    if !exists {
        return Ok(0);
    }
    let mut version = None;
    conn.query("SELECT version FROM schema", &[], &mut |row| {
        version = Some(Row::new("schema", row).counter()?);
        Ok(())
    })?;
    version.ok_or_else(|| Row::new("schema", &[]).corrupt("no version"))
}

/// Brings a database to [`SCHEMA_VERSION`], each version in a transaction of its own.
///
/// # Errors
/// [`ErrorKind::Unsupported`] for a database from a newer version, of which
/// nothing is changed, and the database's own.
pub(crate) fn migrate(conn: &dyn SqlConn) -> Result<()> {
    let version = schema_version(conn)?;
    if version > SCHEMA_VERSION {
        return Err(Error::new(ErrorKind::Unsupported, "open database")
            .at(format_args!("schema version {version}"))
            .because(format_args!(
                "written by a newer release; this one reads up to version {SCHEMA_VERSION}"
            )));
    }
    for (next, statements) in (1..).zip(MIGRATIONS).skip(version as usize) {
        conn.transaction(&mut |tx| {
            for statement in *statements {
                match *statement {
                    INTO_PACKS => into_packs(tx)?,
                    statement => drop(tx.exec(statement, &[])?),
                }
            }
            tx.exec(
                "INSERT INTO schema (one, version) VALUES (1, ?1)
                 ON CONFLICT (one) DO UPDATE SET version = excluded.version",
                &[SqlValue::Integer(next)],
            )?;
            Ok(())
        })?;
    }
    Ok(())
}
