//! The rows of one workspace inside a transaction.

mod collection;
mod packs;

use std::cell::{Cell, RefCell};

use bytes::Bytes;
use workspace_core::store::{
    CollectionRecord, ContentRecord, CopyRecord, GrantRecord, HeadRecord, Marked, MemoEntry,
    MemoRecord, MetaTx, OperationRecord, Place, Purpose, RevisionRecord, StoreUsage, Swept, Used,
    WhichGrants,
};
use workspace_core::{
    At, BlobKey, ContentId, CopyId, Error, ErrorKind, Event, EventRecord, GrantId, MAX_MEMO,
    MemoKey, OperationId, Result, RevisionId, Timestamp, TokenHash, TreeId, TreePath,
};

use crate::conn::{SqlConn, SqlValue};
use crate::marks::Marks;
use crate::pack::{Member, Pack, SLOTS, entries};
use crate::record;
use crate::row::Row;

/// The largest row, in bytes of its values: 1.5 MiB for one, 64 KiB for those
/// beside it. A Durable Object takes 2 MB; the rest is room for a later version.
pub const MAX_ROW: usize = MAX_MEMO + (64 << 10);
/// The largest content that is kept in a row, in bytes.
pub const MAX_CONTENT: usize = 1 << 20;

/// How many nodes that are to be scanned go into one row.
const IDS_PER_ROW: usize = 128;

/// A transaction. What it puts into packs, bitmaps and the list of what is to be
/// scanned is written by [`finish`](Self::finish), which every write ends with.
pub(crate) struct Tx<'c> {
    conn: &'c dyn SqlConn,
    /// The number of the next pack, once it is known.
    next_pack: Cell<Option<u64>>,
    /// The pack that is being filled, with its number.
    open_pack: RefCell<Option<(u64, Pack)>>,
    marks: RefCell<Marks>,
    /// Nodes to be scanned that are in no row.
    unscanned: RefCell<Vec<TreeId>>,
}

impl<'c> Tx<'c> {
    /// Begins, with the number of the next pack where that is known.
    pub(crate) fn new(conn: &'c dyn SqlConn, next_pack: Option<u64>) -> Self {
        Self {
            conn,
            next_pack: Cell::new(next_pack),
            open_pack: RefCell::default(),
            marks: RefCell::default(),
            unscanned: RefCell::default(),
        }
    }

    /// Writes what is still in memory, and returns the number of the next pack
    /// where it is known.
    pub(crate) fn finish(self) -> Result<Option<u64>> {
        self.close_pack()?;
        for (number, bits) in self.marks.borrow().changed() {
            self.exec(
                "INSERT INTO marks (number, bits) VALUES (?1, ?2)
                 ON CONFLICT (number) DO UPDATE SET bits = excluded.bits",
                &[self::number(number)?, blob(bits)],
            )?;
        }
        let unscanned = self.unscanned.take();
        for ids in unscanned.chunks(IDS_PER_ROW) {
            let ids: Vec<u8> = ids.iter().flat_map(|id| *id.as_bytes()).collect();
            self.exec("INSERT INTO unscanned (ids) VALUES (?1)", &[blob(&ids)])?;
        }
        Ok(self.next_pack.get())
    }

    fn node_place(&self, id: &TreeId) -> Result<Option<u64>> {
        let sql = "SELECT place FROM nodes WHERE id = ?1";
        self.one("nodes", sql, &[blob(id.as_bytes())], |row| row.number())
    }

    fn exec(&self, sql: &str, params: &[SqlValue<'_>]) -> Result<bool> {
        let size: usize = params.iter().map(SqlValue::size).sum();
        if size > MAX_ROW {
            return Err(Error::new(ErrorKind::LimitExceeded, "write row")
                .because(format_args!("{size} bytes; a row holds at most {MAX_ROW}")));
        }
        self.conn.exec(sql, params)
    }

    fn all<T>(
        &self,
        table: &'static str,
        sql: &str,
        params: &[SqlValue<'_>],
        mut decode: impl FnMut(&mut Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut found = Vec::new();
        self.conn.query(sql, params, &mut |values| {
            found.push(decode(&mut Row::new(table, values))?);
            Ok(())
        })?;
        Ok(found)
    }

    fn one<T>(
        &self,
        table: &'static str,
        sql: &str,
        params: &[SqlValue<'_>],
        mut decode: impl FnMut(&mut Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        let mut found = None;
        self.conn.query(sql, params, &mut |values| {
            found = Some(decode(&mut Row::new(table, values))?);
            Ok(())
        })?;
        Ok(found)
    }

    fn exists(&self, sql: &str, params: &[SqlValue<'_>]) -> Result<bool> {
        Ok(self.one("", sql, params, |_| Ok(()))?.is_some())
    }
}

fn number(value: u64) -> Result<SqlValue<'static>> {
    match i64::try_from(value) {
        Ok(value) if value <= SqlValue::MAX_INTEGER => Ok(SqlValue::Integer(value)),
        _ => Err(Error::new(ErrorKind::LimitExceeded, "write row")
            .because(format_args!("{value} is beyond 2^53"))),
    }
}

fn optional_number(value: Option<u64>) -> Result<SqlValue<'static>> {
    value.map_or(Ok(SqlValue::Null), number)
}

/// A page limit; what is beyond the largest integer is as good as no limit.
fn count(limit: usize) -> SqlValue<'static> {
    let limit = i64::try_from(limit).unwrap_or(SqlValue::MAX_INTEGER);
    SqlValue::Integer(limit.min(SqlValue::MAX_INTEGER))
}

fn blob(bytes: &[u8]) -> SqlValue<'_> {
    SqlValue::Blob(bytes)
}

fn optional_blob(bytes: Option<&[u8]>) -> SqlValue<'_> {
    bytes.map_or(SqlValue::Null, SqlValue::Blob)
}

/// Returns the column that says whose a memo is.
fn holder(id: Option<&GrantId>) -> SqlValue<'_> {
    blob(id.map(|id| &id.as_bytes()[..]).unwrap_or_default())
}

/// Returns the columns that say which files a grant is to.
fn target(at: &At) -> Result<[SqlValue<'_>; 3]> {
    let none = || SqlValue::Null;
    Ok(match at {
        At::Head => [none(), none(), none()],
        At::Copy(id) => [blob(id.as_bytes()), none(), none()],
        At::Revision(id) => [none(), number(id.get())?, none()],
        At::Tree(id) => [none(), none(), blob(id.as_bytes())],
    })
}

/// Returns the condition that selects grants, each by an index, and its parameters.
fn rule(which: &WhichGrants) -> Result<(&'static str, Vec<SqlValue<'_>>)> {
    Ok(match which {
        WhichGrants::Every => ("1", Vec::new()),
        WhichGrants::Sites => ("page IS NOT NULL", Vec::new()),
        WhichGrants::MadeFrom(id) => ("parent = ?1", vec![blob(id.as_bytes())]),
        WhichGrants::Below(id) => ("top = ?1", vec![blob(id.as_bytes())]),
        WhichGrants::Files(at) => (
            "copy IS ?1 AND revision IS ?2 AND tree IS ?3 AND scopes IS NOT NULL",
            target(at)?.into(),
        ),
        WhichGrants::Issued(at) => (
            "copy IS ?1 AND revision IS ?2 AND tree IS ?3 AND scopes IS NOT NULL
               AND parent IS NULL",
            target(at)?.into(),
        ),
    })
}

fn optional_text(text: Option<&str>) -> SqlValue<'_> {
    text.map_or(SqlValue::Null, SqlValue::Text)
}

macro_rules! select_copies {
    ($rest:literal) => {
        concat!(
            "SELECT id, name, state, applied, parent, top, base_version, base, tree, generation,
               operation, created, modified, expires FROM copies ",
            $rest
        )
    };
}

macro_rules! select_operations {
    ($rest:literal) => {
        concat!(
            "SELECT id, cause, reference, applied, actor, note, at, before, after
             FROM operations ",
            $rest
        )
    };
}

macro_rules! select_revisions {
    ($rest:literal) => {
        concat!(
            "SELECT id, parent, tree, version, cause, copy, restored, actor, message, at, metadata
             FROM revisions ",
            $rest
        )
    };
}

macro_rules! select_grants {
    ($rest:literal) => {
        concat!(
            "SELECT id, token, copy, revision, tree, scopes, root, page, fallback, hidden, label,
               actor, parent, top, max_bytes, max_entries, used_bytes, used_entries,
               created, expires FROM grants ",
            $rest
        )
    };
}

impl MetaTx for Tx<'_> {
    fn head(&self) -> Result<Option<HeadRecord>> {
        let sql = "SELECT version, tree, revision, recorded, modified FROM head";
        self.one("head", sql, &[], record::head)
    }

    fn set_head(&self, head: &HeadRecord) -> Result<()> {
        self.exec(
            "INSERT INTO head (one, version, tree, revision, recorded, modified)
             VALUES (1, ?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (one) DO UPDATE SET version = excluded.version,
               tree = excluded.tree, revision = excluded.revision,
               recorded = excluded.recorded, modified = excluded.modified",
            &[
                number(head.version)?,
                blob(head.tree.as_bytes()),
                optional_number(head.revision.map(RevisionId::get))?,
                optional_blob(head.recorded.as_ref().map(|tree| &tree.as_bytes()[..])),
                SqlValue::Integer(head.modified.as_millis()),
            ],
        )?;
        Ok(())
    }

    fn node(&self, id: &TreeId) -> Result<Option<Bytes>> {
        let sql = "SELECT nodes.place, packs.directory, packs.bytes
             FROM nodes LEFT JOIN packs ON packs.number = nodes.place / 64 WHERE nodes.id = ?1";
        self.one("nodes", sql, &[blob(id.as_bytes())], |row| {
            let place = row.number()?;
            self.member(row, place, Member::Node(*id))
        })
    }

    fn has_node(&self, id: &TreeId) -> Result<bool> {
        match self.node_place(id)? {
            Some(place) => self.has_pack(place),
            None => Ok(false),
        }
    }

    fn nodes(&self, after: Option<&TreeId>, limit: usize) -> Result<Vec<TreeId>> {
        let sql = "SELECT id FROM nodes WHERE id > ?1 ORDER BY id LIMIT ?2";
        let after = after.map(|id| &id.as_bytes()[..]).unwrap_or_default();
        self.all("nodes", sql, &[blob(after), count(limit)], |row| row.id())
    }

    fn put_node(&self, id: &TreeId, encoded: &[u8]) -> Result<bool> {
        let place = self.next_place(encoded.len())?;
        let new = self.exec(
            "INSERT INTO nodes (id, place) VALUES (?1, ?2) ON CONFLICT (id) DO NOTHING",
            &[blob(id.as_bytes()), number(place)?],
        )?;
        if new {
            self.fill(Member::Node(*id), encoded);
            return Ok(true);
        }
        let find = "SELECT place FROM nodes WHERE id = ?1";
        if self.is_lost("nodes", find, id.as_bytes())? {
            let sql = "UPDATE nodes SET place = ?2 WHERE id = ?1";
            self.exec(sql, &[blob(id.as_bytes()), number(place)?])?;
            self.fill(Member::Node(*id), encoded);
            return Ok(true);
        }
        Ok(false)
    }

    fn delete_node(&self, id: &TreeId) -> Result<()> {
        if let Some(place) = self.node_place(id)? {
            self.exec("DELETE FROM nodes WHERE id = ?1", &[blob(id.as_bytes())])?;
            self.empty_place(place)?;
        }
        Ok(())
    }

    fn content(&self, id: &ContentId) -> Result<Option<ContentRecord>> {
        let sql = "SELECT contents.size, contents.object, contents.place,
               CASE WHEN contents.object IS NULL THEN packs.directory END,
               CASE WHEN contents.object IS NULL THEN packs.bytes END
             FROM contents LEFT JOIN packs ON packs.number = contents.place / 64
             WHERE contents.id = ?1";
        self.one("contents", sql, &[blob(id.as_bytes())], |row| {
            let (size, object, place) = (row.number()?, record::object(row)?, row.number()?);
            let place = match object {
                Some(key) => Place::Object(key),
                None => Place::Inline(self.member(row, place, Member::Content(*id))?),
            };
            Ok(ContentRecord { size, place })
        })
    }

    fn contents(&self, after: Option<&ContentId>, limit: usize) -> Result<Vec<ContentId>> {
        let sql = "SELECT id FROM contents WHERE id > ?1 ORDER BY id LIMIT ?2";
        let after = after.map(|id| &id.as_bytes()[..]).unwrap_or_default();
        self.all("contents", sql, &[blob(after), count(limit)], |row| {
            row.id()
        })
    }

    fn put_content(&self, id: &ContentId, content: &ContentRecord) -> Result<bool> {
        let (object, bytes) = match &content.place {
            Place::Object(key) => (SqlValue::Text(key.as_str()), &[][..]),
            Place::Inline(bytes) => (SqlValue::Null, &bytes[..]),
            _ => {
                return Err(Error::new(ErrorKind::Unsupported, "write content")
                    .because("the schema has no column for such a place"));
            }
        };
        if bytes.len() > MAX_CONTENT {
            return Err(
                Error::new(ErrorKind::LimitExceeded, "write content").because(format_args!(
                    "{} bytes; a row holds at most {MAX_CONTENT}",
                    bytes.len()
                )),
            );
        }
        let place = self.next_place(bytes.len())?;
        let row = [
            blob(id.as_bytes()),
            number(place)?,
            number(content.size)?,
            object,
        ];
        let new = self.exec(
            "INSERT INTO contents (id, place, size, object) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (id) DO NOTHING",
            &row,
        )?;
        let find = "SELECT place FROM contents WHERE id = ?1";
        if !new && !self.is_lost("contents", find, id.as_bytes())? {
            return Ok(false);
        }
        if !new {
            let sql = "UPDATE contents SET place = ?2, size = ?3, object = ?4 WHERE id = ?1";
            self.exec(sql, &row)?;
        }
        self.fill(Member::Content(*id), bytes);
        Ok(true)
    }

    fn delete_content(&self, id: &ContentId) -> Result<()> {
        let key = [blob(id.as_bytes())];
        let sql = "SELECT place FROM contents WHERE id = ?1";
        if let Some(place) = self.one("contents", sql, &key, |row| row.number())? {
            self.exec("DELETE FROM contents WHERE id = ?1", &key)?;
            self.empty_place(place)?;
        }
        Ok(())
    }

    fn has_object(&self, key: &BlobKey) -> Result<bool> {
        let sql = "SELECT 1 FROM contents WHERE object = ?1 LIMIT 1";
        self.exists(sql, &[SqlValue::Text(key.as_str())])
    }

    fn copy(&self, id: &CopyId) -> Result<Option<CopyRecord>> {
        let sql = select_copies!("WHERE id = ?1");
        self.one("copies", sql, &[blob(id.as_bytes())], record::copy)
    }

    fn open_copy_named(&self, name: &str) -> Result<Option<CopyRecord>> {
        let sql = select_copies!("WHERE state = 0 AND name = ?1");
        self.one("copies", sql, &[SqlValue::Text(name)], record::copy)
    }

    fn put_copy(&self, copy: &CopyRecord) -> Result<()> {
        let (state, applied) = record::copy_state(copy.state);
        let expires = copy.expires.map(|at| SqlValue::Integer(at.as_millis()));
        self.exec(
            "INSERT INTO copies (id, name, state, applied, parent, top, base_version, base, tree,
               generation, operation, created, modified, expires)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
             ON CONFLICT (id) DO UPDATE SET name = excluded.name, state = excluded.state,
               applied = excluded.applied, parent = excluded.parent, top = excluded.top,
               base_version = excluded.base_version, base = excluded.base, tree = excluded.tree, generation = excluded.generation,
               operation = excluded.operation, created = excluded.created,
               modified = excluded.modified, expires = excluded.expires",
            &[
                blob(copy.id.as_bytes()),
                optional_text(copy.name.as_deref()),
                number(state)?,
                optional_number(applied)?,
                optional_blob(copy.parent.as_ref().map(|id| &id.as_bytes()[..])),
                optional_blob(copy.top.as_ref().map(|id| &id.as_bytes()[..])),
                number(copy.base_version)?,
                blob(copy.base.as_bytes()),
                blob(copy.tree.as_bytes()),
                number(copy.generation)?,
                optional_number(copy.operation.map(OperationId::get))?,
                SqlValue::Integer(copy.created.as_millis()),
                SqlValue::Integer(copy.modified.as_millis()),
                expires.unwrap_or(SqlValue::Null),
            ],
        )?;
        Ok(())
    }

    fn move_copy(&self, copy: &CopyRecord) -> Result<()> {
        self.exec(
            "UPDATE copies SET base_version = ?2, base = ?3, tree = ?4, generation = ?5,
               operation = ?6, modified = ?7 WHERE id = ?1",
            &[
                blob(copy.id.as_bytes()),
                number(copy.base_version)?,
                blob(copy.base.as_bytes()),
                blob(copy.tree.as_bytes()),
                number(copy.generation)?,
                optional_number(copy.operation.map(OperationId::get))?,
                SqlValue::Integer(copy.modified.as_millis()),
            ],
        )?;
        Ok(())
    }

    fn delete_copy(&self, id: &CopyId) -> Result<()> {
        let id = [blob(id.as_bytes())];
        self.exec("DELETE FROM operations WHERE copy = ?1", &id)?;
        self.exec("DELETE FROM copies WHERE id = ?1", &id)?;
        Ok(())
    }

    fn copies(
        &self,
        open_only: bool,
        after: Option<&CopyId>,
        limit: usize,
    ) -> Result<Vec<CopyRecord>> {
        let sql = if open_only {
            select_copies!("WHERE state = 0 AND id > ?1 ORDER BY id LIMIT ?2")
        } else {
            select_copies!("WHERE id > ?1 ORDER BY id LIMIT ?2")
        };
        let after = after.map(|id| &id.as_bytes()[..]).unwrap_or_default();
        self.all("copies", sql, &[blob(after), count(limit)], record::copy)
    }

    fn count_nested(&self, top: &CopyId) -> Result<u64> {
        let sql = "SELECT count(*) FROM copies WHERE state = 0 AND top = ?1";
        let found = self.one("copies", sql, &[blob(top.as_bytes())], |row| row.number())?;
        Ok(found.unwrap_or(0))
    }

    fn nested(&self, top: &CopyId, limit: usize) -> Result<Vec<CopyRecord>> {
        let sql = select_copies!("WHERE state = 0 AND top = ?1 ORDER BY id LIMIT ?2");
        let params = [blob(top.as_bytes()), count(limit)];
        self.all("copies", sql, &params, record::copy)
    }

    fn expiring_copies(&self, until: Timestamp, limit: usize) -> Result<Vec<CopyRecord>> {
        let sql = select_copies!(
            "WHERE state = 0 AND expires IS NOT NULL AND expires <= ?1
             ORDER BY expires, id LIMIT ?2"
        );
        let params = [SqlValue::Integer(until.as_millis()), count(limit)];
        self.all("copies", sql, &params, record::copy)
    }

    fn closed_copies(&self, until: Timestamp, limit: usize) -> Result<Vec<CopyRecord>> {
        let sql =
            select_copies!("WHERE state > 0 AND modified <= ?1 ORDER BY modified, id LIMIT ?2");
        let params = [SqlValue::Integer(until.as_millis()), count(limit)];
        self.all("copies", sql, &params, record::copy)
    }

    fn operation(&self, copy: &CopyId, id: OperationId) -> Result<Option<OperationRecord>> {
        let sql = select_operations!("WHERE copy = ?1 AND id = ?2");
        let key = [blob(copy.as_bytes()), number(id.get())?];
        self.one("operations", sql, &key, record::operation)
    }

    fn put_operation(&self, copy: &CopyId, operation: &OperationRecord) -> Result<()> {
        let (cause, reference, applied) = record::operation_cause(&operation.cause);
        self.exec(
            "INSERT INTO operations (copy, id, cause, reference, applied, actor, note, at, before,
               after)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
             ON CONFLICT (copy, id) DO UPDATE SET cause = excluded.cause,
               reference = excluded.reference, applied = excluded.applied, actor = excluded.actor, note = excluded.note,
               at = excluded.at, before = excluded.before, after = excluded.after",
            &[
                blob(copy.as_bytes()),
                number(operation.id.get())?,
                number(cause)?,
                optional_number(reference)?,
                optional_blob(applied.map(|id| &id.as_bytes()[..])),
                SqlValue::Text(&operation.actor),
                SqlValue::Text(&operation.note),
                SqlValue::Integer(operation.at.as_millis()),
                blob(operation.before.as_bytes()),
                blob(operation.after.as_bytes()),
            ],
        )?;
        Ok(())
    }

    fn operations(
        &self,
        copy: &CopyId,
        after: Option<OperationId>,
        limit: usize,
    ) -> Result<Vec<OperationRecord>> {
        let sql = select_operations!("WHERE copy = ?1 AND id > ?2 ORDER BY id LIMIT ?3");
        let after = number(after.map_or(0, OperationId::get))?;
        let params = [blob(copy.as_bytes()), after, count(limit)];
        self.all("operations", sql, &params, record::operation)
    }

    fn delete_operations(&self, copy: &CopyId, limit: usize) -> Result<usize> {
        let sql = "DELETE FROM operations WHERE copy = ?1 AND id IN
               (SELECT id FROM operations WHERE copy = ?1 ORDER BY id LIMIT ?2)
             RETURNING 1";
        let params = [blob(copy.as_bytes()), count(limit)];
        Ok(self.all("operations", sql, &params, |_| Ok(()))?.len())
    }

    fn revision(&self, id: RevisionId) -> Result<Option<RevisionRecord>> {
        let sql = select_revisions!("WHERE id = ?1");
        self.one("revisions", sql, &[number(id.get())?], record::revision)
    }

    fn put_revision(&self, revision: &RevisionRecord) -> Result<()> {
        let (cause, copy, restored) = record::revision_cause(&revision.cause);
        let metadata = record::encode_metadata(&revision.metadata);
        self.exec(
            "INSERT INTO revisions (id, parent, tree, version, cause, copy, restored, actor,
               message, at, metadata)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
             ON CONFLICT (id) DO UPDATE SET parent = excluded.parent, tree = excluded.tree,
               version = excluded.version, cause = excluded.cause, copy = excluded.copy,
               restored = excluded.restored, actor = excluded.actor, message = excluded.message,
               at = excluded.at, metadata = excluded.metadata",
            &[
                number(revision.id.get())?,
                optional_number(revision.parent.map(RevisionId::get))?,
                blob(revision.tree.as_bytes()),
                number(revision.version)?,
                number(cause)?,
                optional_blob(copy.map(|id| &id.as_bytes()[..])),
                optional_number(restored.map(RevisionId::get))?,
                SqlValue::Text(&revision.actor),
                SqlValue::Text(&revision.message),
                SqlValue::Integer(revision.at.as_millis()),
                optional_blob(metadata.as_deref()),
            ],
        )?;
        Ok(())
    }

    fn delete_revision(&self, id: RevisionId) -> Result<()> {
        let sql = "DELETE FROM revisions WHERE id = ?1";
        self.exec(sql, &[number(id.get())?])?;
        Ok(())
    }

    fn revisions(&self, before: Option<RevisionId>, limit: usize) -> Result<Vec<RevisionRecord>> {
        let sql = select_revisions!("WHERE id <= ?1 ORDER BY id DESC LIMIT ?2");
        let last = match before {
            None => SqlValue::Integer(SqlValue::MAX_INTEGER),
            Some(id) => number(id.get().saturating_sub(1))?,
        };
        self.all("revisions", sql, &[last, count(limit)], record::revision)
    }

    fn oldest_revisions(&self, limit: usize) -> Result<Vec<RevisionRecord>> {
        let sql = select_revisions!("WHERE id > 0 ORDER BY id LIMIT ?1");
        self.all("revisions", sql, &[count(limit)], record::revision)
    }

    fn append_event(&self, event: &Event) -> Result<()> {
        // SQLite gives a row without a key the largest one and 1 more.
        self.exec(
            "INSERT INTO events (kind, copy, generation, version, tree, revision, actor, at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            &[
                number(record::event_kind(event.kind))?,
                optional_blob(event.copy.as_ref().map(|id| &id.as_bytes()[..])),
                optional_number(event.generation)?,
                optional_number(event.version)?,
                optional_blob(event.tree.as_ref().map(|id| &id.as_bytes()[..])),
                optional_number(event.revision.map(RevisionId::get))?,
                match event.actor.as_str() {
                    "" => SqlValue::Null,
                    actor => SqlValue::Text(actor),
                },
                SqlValue::Integer(event.at.as_millis()),
            ],
        )?;
        Ok(())
    }

    fn last_event(&self) -> Result<u64> {
        let sql = "SELECT max(sequence) FROM events";
        let last = self.one("events", sql, &[], |row| row.optional_counter())?;
        Ok(last.flatten().unwrap_or(0))
    }

    fn events(&self, after: u64, limit: usize) -> Result<Vec<EventRecord>> {
        let sql = "SELECT sequence, kind, copy, generation, version, tree, revision, actor, at
             FROM events WHERE sequence > ?1 ORDER BY sequence LIMIT ?2";
        // Nothing comes after what is beyond the largest integer.
        let after = number(after.min(SqlValue::MAX_INTEGER as u64))?;
        let params = [after, count(limit)];
        self.all("events", sql, &params, record::event)
    }

    fn delete_events(&self, first: u64) -> Result<u64> {
        let sql = "DELETE FROM events
             WHERE sequence < ?1 AND sequence < (SELECT max(sequence) FROM events)
             RETURNING 1";
        let deleted = self.all("events", sql, &[number(first)?], |_| Ok(()))?;
        Ok(deleted.len() as u64)
    }

    fn grant(&self, id: &GrantId) -> Result<Option<GrantRecord>> {
        let sql = select_grants!("WHERE id = ?1");
        self.one("grants", sql, &[blob(id.as_bytes())], record::grant)
    }

    fn grant_with_token(&self, token: &TokenHash) -> Result<Option<GrantRecord>> {
        let sql = select_grants!("WHERE token = ?1");
        self.one("grants", sql, &[blob(token.as_bytes())], record::grant)
    }

    fn put_grant(&self, grant: &GrantRecord) -> Result<()> {
        let [copy, revision, tree] = target(&grant.at)?;
        let (scopes, site) = match &grant.purpose {
            Purpose::Files(grant) => (Some(record::encode_grant(grant)), None),
            Purpose::Site(site) => (None, Some(site)),
        };
        let fallback = site.and_then(|site| site.fallback.as_ref());
        let expires = grant.expires.map(|at| SqlValue::Integer(at.as_millis()));
        let GrantRecord { budget, used, .. } = grant;
        self.exec(
            "INSERT INTO grants (id, token, copy, revision, tree, scopes, root, page, fallback,
               hidden, label, actor, parent, top, max_bytes, max_entries, used_bytes,
               used_entries, created, expires)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,
               ?18, ?19, ?20)
             ON CONFLICT (id) DO UPDATE SET token = excluded.token, copy = excluded.copy,
               revision = excluded.revision, tree = excluded.tree, scopes = excluded.scopes,
               root = excluded.root, page = excluded.page, fallback = excluded.fallback,
               hidden = excluded.hidden, label = excluded.label, actor = excluded.actor,
               parent = excluded.parent, top = excluded.top,
               max_bytes = excluded.max_bytes, max_entries = excluded.max_entries,
               used_bytes = excluded.used_bytes, used_entries = excluded.used_entries,
               created = excluded.created, expires = excluded.expires",
            &[
                blob(grant.id.as_bytes()),
                blob(grant.token.as_bytes()),
                copy,
                revision,
                tree,
                optional_blob(scopes.as_deref()),
                optional_text(site.map(|site| site.root.as_str())),
                optional_text(site.map(|site| site.index.as_str())),
                optional_text(fallback.map(TreePath::as_str)),
                number(site.map_or(0, record::how))?,
                SqlValue::Text(&grant.label),
                SqlValue::Text(&grant.actor),
                optional_blob(grant.parent.as_ref().map(|id| &id.as_bytes()[..])),
                optional_blob(grant.top.as_ref().map(|id| &id.as_bytes()[..])),
                optional_number(budget.max_bytes)?,
                optional_number(budget.max_entries)?,
                number(used.bytes)?,
                number(used.entries)?,
                SqlValue::Integer(grant.created.as_millis()),
                expires.unwrap_or(SqlValue::Null),
            ],
        )?;
        Ok(())
    }

    fn delete_grant(&self, id: &GrantId) -> Result<()> {
        let sql = "DELETE FROM grants WHERE id = ?1";
        self.exec(sql, &[blob(id.as_bytes())])?;
        Ok(())
    }

    fn set_used(&self, id: &GrantId, used: Used) -> Result<()> {
        let sql = "UPDATE grants SET used_bytes = ?2, used_entries = ?3 WHERE id = ?1";
        let (bytes, entries) = (number(used.bytes)?, number(used.entries)?);
        self.exec(sql, &[blob(id.as_bytes()), bytes, entries])?;
        Ok(())
    }

    fn count_grants(&self, which: WhichGrants) -> Result<u64> {
        let (rule, params) = rule(&which)?;
        let sql = format!("SELECT count(*) FROM grants WHERE {rule}");
        let found = self.one("grants", &sql, &params, |row| row.number())?;
        Ok(found.unwrap_or_default())
    }

    fn grants(
        &self,
        which: WhichGrants,
        after: Option<&GrantId>,
        limit: usize,
    ) -> Result<Vec<GrantRecord>> {
        let after = blob(after.map(|id| &id.as_bytes()[..]).unwrap_or_default());
        let (rule, mut params) = rule(&which)?;
        let next = params.len() + 1;
        let sql = format!(
            "{}WHERE {rule} AND id > ?{next} ORDER BY id LIMIT ?{}",
            select_grants!(""),
            next + 1
        );
        params.extend([after, count(limit)]);
        self.all("grants", &sql, &params, record::grant)
    }

    fn memo(&self, of: Option<&GrantId>, key: &MemoKey) -> Result<Option<MemoRecord>> {
        let sql = "SELECT holder, key, request, at, answer FROM memos
             WHERE key = ?1 AND holder = ?2";
        let params = [SqlValue::Text(key.as_str()), holder(of)];
        self.one("memos", sql, &params, record::memo)
    }

    fn put_memo(&self, memo: &MemoRecord) -> Result<()> {
        // SQLite gives a row without a key the largest one and 1 more.
        self.exec(
            "INSERT OR REPLACE INTO memos (key, holder, request, at, answer)
             VALUES (?1, ?2, ?3, ?4, ?5)",
            &[
                SqlValue::Text(memo.key.as_str()),
                holder(memo.holder.as_ref()),
                blob(memo.request.as_bytes()),
                SqlValue::Integer(memo.at.as_millis()),
                blob(&memo.answer),
            ],
        )?;
        Ok(())
    }

    fn last_memo(&self) -> Result<u64> {
        let sql = "SELECT max(number) FROM memos";
        let last = self.one("memos", sql, &[], |row| row.optional_counter())?;
        Ok(last.flatten().unwrap_or(0))
    }

    fn memos(&self, after: u64, limit: usize) -> Result<Vec<MemoEntry>> {
        let sql = "SELECT number, holder, key, request, at, length(answer) FROM memos
             WHERE number > ?1 ORDER BY number LIMIT ?2";
        // Nothing comes after what is beyond the largest integer.
        let after = number(after.min(SqlValue::MAX_INTEGER as u64))?;
        self.all("memos", sql, &[after, count(limit)], record::memo_entry)
    }

    fn delete_memos(&self, first: u64) -> Result<u64> {
        let sql = "DELETE FROM memos WHERE number < ?1 RETURNING 1";
        let deleted = self.all("memos", sql, &[number(first)?], |_| Ok(()))?;
        Ok(deleted.len() as u64)
    }

    fn collection(&self) -> Result<Option<CollectionRecord>> {
        let sql = "SELECT phase, number, cursor, began, nodes, contents FROM collection";
        self.one("collection", sql, &[], record::collection)
    }

    fn set_collection(&self, collection: Option<&CollectionRecord>) -> Result<()> {
        let Some(collection) = collection else {
            self.exec("DELETE FROM collection", &[])?;
            return Ok(());
        };
        let (phase, after, cursor) = record::collection_phase(&collection.phase);
        self.exec(
            "INSERT INTO collection (one, phase, number, cursor, began, nodes, contents)
             VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (one) DO UPDATE SET phase = excluded.phase, number = excluded.number,
               cursor = excluded.cursor, began = excluded.began, nodes = excluded.nodes,
               contents = excluded.contents",
            &[
                number(phase)?,
                optional_number(after)?,
                optional_blob(cursor),
                number(collection.began)?,
                number(collection.nodes)?,
                number(collection.contents)?,
            ],
        )?;
        Ok(())
    }

    fn mark_node(&self, id: &TreeId) -> Result<Marked> {
        let marked = self.mark(self.node_place(id)?)?;
        if marked == Marked::New {
            self.unscanned.borrow_mut().push(*id);
        }
        Ok(marked)
    }

    fn is_marked(&self, id: &TreeId) -> Result<bool> {
        match self.node_place(id)? {
            Some(place) => self
                .marks
                .borrow_mut()
                .has(place, |number| self.load_marks(number)),
            None => Ok(false),
        }
    }

    fn mark_content(&self, id: &ContentId) -> Result<Marked> {
        let sql = "SELECT place FROM contents WHERE id = ?1";
        let key = [blob(id.as_bytes())];
        self.mark(self.one("contents", sql, &key, |row| row.number())?)
    }

    fn take_unscanned(&self, limit: usize) -> Result<Vec<TreeId>> {
        let mut unscanned = self.unscanned.borrow_mut();
        while unscanned.len() < limit {
            let sql = "SELECT number, ids FROM unscanned ORDER BY number DESC LIMIT 1";
            let row = self.one("unscanned", sql, &[], |row| {
                Ok((row.number()?, record::node_ids(row)?))
            })?;
            let Some((number, ids)) = row else { break };
            let key = [self::number(number)?];
            self.exec("DELETE FROM unscanned WHERE number = ?1", &key)?;
            unscanned.extend(ids);
        }
        let rest = unscanned.len().saturating_sub(limit);
        Ok(unscanned.split_off(rest))
    }

    fn sweep(&self, after: u64, limit: usize) -> Result<Swept> {
        self.close_pack()?;
        let mut swept = Swept::default();
        let mut last = after / SLOTS;
        while swept.looked < limit.max(1) {
            let sql = "SELECT number, directory FROM packs WHERE number > ?1
                 ORDER BY number LIMIT 1";
            let found = self.one("packs", sql, &[number(last)?], |row| {
                Ok((row.number()?, entries(row.bytes()?)))
            })?;
            let Some((number, members)) = found else {
                return Ok(swept);
            };
            last = number;
            match members {
                Some(members) => self.sweep_pack(number, &members, &mut swept)?,
                // What of it can be read stays so; the integrity check tells of the rest.
                None => swept.looked += 1,
            }
        }
        swept.last = Some(last * SLOTS + SLOTS - 1);
        Ok(swept)
    }

    fn clear_marks(&self, limit: usize) -> Result<bool> {
        self.marks.borrow_mut().clear();
        self.unscanned.borrow_mut().clear();
        let mut left = limit;
        for sql in [
            "DELETE FROM marks WHERE number IN (SELECT number FROM marks LIMIT ?1) RETURNING 1",
            "DELETE FROM unscanned WHERE number IN (SELECT number FROM unscanned LIMIT ?1)
             RETURNING 1",
        ] {
            left -= self.all("marks", sql, &[count(left)], |_| Ok(()))?.len();
        }
        let rest = "SELECT 1 WHERE EXISTS (SELECT 1 FROM marks)
               OR EXISTS (SELECT 1 FROM unscanned)";
        self.exists(rest, &[])
    }

    fn usage(&self) -> Result<StoreUsage> {
        let mut usage = StoreUsage::default();
        self.close_pack()?;
        let sql = "SELECT number, directory FROM packs WHERE number > ?1 ORDER BY number LIMIT 256";
        let mut last = 0;
        loop {
            let page = self.all("packs", sql, &[number(last)?], |row| {
                Ok((row.number()?, entries(row.bytes()?).unwrap_or_default()))
            })?;
            let Some((newest, _)) = page.last() else {
                break;
            };
            last = *newest;
            for (member, length) in page.iter().flat_map(|(_, members)| members) {
                if let Member::Node(_) = member {
                    usage.nodes += 1;
                    usage.node_bytes += *length as u64;
                }
            }
        }
        let sql = "SELECT count(*) - count(object),
               coalesce(sum(CASE WHEN object IS NULL THEN size END), 0),
               count(object),
               coalesce(sum(CASE WHEN object IS NOT NULL THEN size END), 0)
             FROM contents";
        self.one("contents", sql, &[], |row| {
            usage.inline_contents = row.number()?;
            usage.inline_bytes = row.number()?;
            usage.object_contents = row.number()?;
            usage.object_bytes = row.number()?;
            Ok(())
        })?;
        let sql = "SELECT (SELECT count(*) FROM copies), (SELECT count(*) FROM operations),
               (SELECT count(*) FROM revisions)";
        self.one("copies", sql, &[], |row| {
            usage.copies = row.number()?;
            usage.operations = row.number()?;
            usage.revisions = row.number()?;
            Ok(())
        })?;
        Ok(usage)
    }
}
