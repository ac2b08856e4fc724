//! The rows of one workspace inside a transaction.

use bytes::Bytes;
use workspace_core::store::{
    CollectionRecord, ContentRecord, CopyRecord, GrantRecord, HeadRecord, MetaTx, OperationRecord,
    Place, Purpose, RevisionRecord, StoreUsage, Sweep, WhichGrants,
};
use workspace_core::{
    At, BlobKey, ContentId, CopyId, Error, ErrorKind, Event, EventRecord, GrantId, OperationId,
    Result, RevisionId, Timestamp, TokenHash, TreeId, TreePath,
};

use crate::conn::{SqlConn, SqlValue};
use crate::record;
use crate::row::Row;

/// The largest row, in bytes of its values: 1 MiB for one, 64 KiB for those
/// beside it. A Durable Object takes 2 MB; the rest is room for a later version.
pub const MAX_ROW: usize = (1 << 20) + (64 << 10);

pub(crate) struct Tx<'c> {
    conn: &'c dyn SqlConn,
}

impl<'c> Tx<'c> {
    pub(crate) fn new(conn: &'c dyn SqlConn) -> Self {
        Self { conn }
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

    /// Reads a page of ids, each with whether it is unmarked.
    fn sweep<Id: Copy + for<'r> TryFrom<&'r [u8], Error = Error>>(
        &self,
        table: &'static str,
        sql: &str,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Sweep<Id>> {
        let params = [blob(after.unwrap_or_default()), count(limit)];
        let mut page = Sweep {
            unmarked: Vec::new(),
            last: None,
            looked: 0,
        };
        self.conn.query(sql, &params, &mut |values| {
            let mut row = Row::new(table, values);
            let id = row.id()?;
            if row.number()? == 0 {
                page.unmarked.push(id);
            }
            page.last = Some(id);
            page.looked += 1;
            Ok(())
        })?;
        Ok(page)
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

fn optional_text(text: Option<&str>) -> SqlValue<'_> {
    text.map_or(SqlValue::Null, SqlValue::Text)
}

macro_rules! select_copies {
    ($rest:literal) => {
        concat!(
            "SELECT id, name, state, revision, base_version, base, tree, generation, operation,
               created, modified, expires FROM copies ",
            $rest
        )
    };
}

macro_rules! select_operations {
    ($rest:literal) => {
        concat!(
            "SELECT id, cause, reference, actor, note, at, before, after FROM operations ",
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
            "SELECT id, token, copy, revision, tree, scopes, page, fallback, label, actor, parent,
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
        let sql = "SELECT encoded FROM nodes WHERE id = ?1";
        self.one("nodes", sql, &[blob(id.as_bytes())], |row| {
            row.bytes().map(Bytes::copy_from_slice)
        })
    }

    fn put_node(&self, id: &TreeId, encoded: &[u8]) -> Result<bool> {
        self.exec(
            "INSERT INTO nodes (id, encoded) VALUES (?1, ?2) ON CONFLICT (id) DO NOTHING",
            &[blob(id.as_bytes()), blob(encoded)],
        )
    }

    fn delete_node(&self, id: &TreeId) -> Result<()> {
        self.exec("DELETE FROM nodes WHERE id = ?1", &[blob(id.as_bytes())])?;
        Ok(())
    }

    fn content(&self, id: &ContentId) -> Result<Option<ContentRecord>> {
        let sql = "SELECT size, object, bytes FROM contents WHERE id = ?1";
        self.one("contents", sql, &[blob(id.as_bytes())], record::content)
    }

    fn put_content(&self, id: &ContentId, content: &ContentRecord) -> Result<bool> {
        let (object, bytes) = match &content.place {
            Place::Object(key) => (SqlValue::Text(key.as_str()), SqlValue::Null),
            Place::Inline(bytes) => (SqlValue::Null, blob(bytes)),
            _ => {
                return Err(Error::new(ErrorKind::Unsupported, "write content")
                    .because("the schema has no column for such a place"));
            }
        };
        self.exec(
            "INSERT INTO contents (id, size, object, bytes) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (id) DO NOTHING",
            &[blob(id.as_bytes()), number(content.size)?, object, bytes],
        )
    }

    fn delete_content(&self, id: &ContentId) -> Result<()> {
        let sql = "DELETE FROM contents WHERE id = ?1";
        self.exec(sql, &[blob(id.as_bytes())])?;
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
        let (state, revision) = record::copy_state(copy.state);
        let expires = copy.expires.map(|at| SqlValue::Integer(at.as_millis()));
        self.exec(
            "INSERT INTO copies (id, name, state, revision, base_version, base, tree, generation,
               operation, created, modified, expires)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
             ON CONFLICT (id) DO UPDATE SET name = excluded.name, state = excluded.state,
               revision = excluded.revision, base_version = excluded.base_version,
               base = excluded.base, tree = excluded.tree, generation = excluded.generation,
               operation = excluded.operation, created = excluded.created,
               modified = excluded.modified, expires = excluded.expires",
            &[
                blob(copy.id.as_bytes()),
                optional_text(copy.name.as_deref()),
                number(state)?,
                optional_number(revision.map(RevisionId::get))?,
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
        let (cause, reference) = record::operation_cause(operation.cause);
        self.exec(
            "INSERT INTO operations (copy, id, cause, reference, actor, note, at, before, after)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT (copy, id) DO UPDATE SET cause = excluded.cause,
               reference = excluded.reference, actor = excluded.actor, note = excluded.note,
               at = excluded.at, before = excluded.before, after = excluded.after",
            &[
                blob(copy.as_bytes()),
                number(operation.id.get())?,
                number(cause)?,
                optional_number(reference)?,
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

    fn delete_events(&self, first: u64) -> Result<()> {
        let sql = "DELETE FROM events WHERE sequence < ?1";
        self.exec(sql, &[number(first)?])?;
        Ok(())
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
        let (mut copy, mut revision, mut tree) = (SqlValue::Null, SqlValue::Null, SqlValue::Null);
        match &grant.at {
            At::Head => {}
            At::Copy(id) => copy = blob(id.as_bytes()),
            At::Revision(id) => revision = number(id.get())?,
            At::Tree(id) => tree = blob(id.as_bytes()),
        }
        let (scopes, site) = match &grant.purpose {
            Purpose::Files(grant) => (Some(record::encode_grant(grant)), None),
            Purpose::Site(site) => (None, Some(site)),
        };
        let fallback = site.and_then(|site| site.fallback.as_ref());
        let expires = grant.expires.map(|at| SqlValue::Integer(at.as_millis()));
        self.exec(
            "INSERT INTO grants (id, token, copy, revision, tree, scopes, page, fallback, label,
               actor, parent, created, expires)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
             ON CONFLICT (id) DO UPDATE SET token = excluded.token, copy = excluded.copy,
               revision = excluded.revision, tree = excluded.tree, scopes = excluded.scopes,
               page = excluded.page, fallback = excluded.fallback, label = excluded.label,
               actor = excluded.actor, parent = excluded.parent, created = excluded.created,
               expires = excluded.expires",
            &[
                blob(grant.id.as_bytes()),
                blob(grant.token.as_bytes()),
                copy,
                revision,
                tree,
                optional_blob(scopes.as_deref()),
                optional_text(site.map(|site| site.index.as_str())),
                optional_text(fallback.map(TreePath::as_str)),
                SqlValue::Text(&grant.label),
                SqlValue::Text(&grant.actor),
                optional_blob(grant.parent.as_ref().map(|id| &id.as_bytes()[..])),
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

    fn grants(
        &self,
        which: WhichGrants,
        after: Option<&GrantId>,
        limit: usize,
    ) -> Result<Vec<GrantRecord>> {
        let after = blob(after.map(|id| &id.as_bytes()[..]).unwrap_or_default());
        let limit = count(limit);
        let page = |sql, params: &[SqlValue<'_>]| self.all("grants", sql, params, record::grant);
        match which {
            WhichGrants::Every => {
                let sql = select_grants!("WHERE id > ?1 ORDER BY id LIMIT ?2");
                page(sql, &[after, limit])
            }
            WhichGrants::Files(copy) => {
                let sql = select_grants!(
                    "WHERE copy = ?1 AND scopes IS NOT NULL AND id > ?2 ORDER BY id LIMIT ?3"
                );
                page(sql, &[blob(copy.as_bytes()), after, limit])
            }
            WhichGrants::Sites => {
                let sql = select_grants!("WHERE page IS NOT NULL AND id > ?1 ORDER BY id LIMIT ?2");
                page(sql, &[after, limit])
            }
        }
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

    fn mark_node(&self, id: &TreeId) -> Result<bool> {
        self.exec(
            "INSERT INTO node_marks (id, scanned) VALUES (?1, 0) ON CONFLICT (id) DO NOTHING",
            &[blob(id.as_bytes())],
        )
    }

    fn mark_content(&self, id: &ContentId) -> Result<()> {
        self.exec(
            "INSERT INTO content_marks (id) VALUES (?1) ON CONFLICT (id) DO NOTHING",
            &[blob(id.as_bytes())],
        )?;
        Ok(())
    }

    fn take_unscanned(&self, limit: usize) -> Result<Vec<TreeId>> {
        let sql = "UPDATE node_marks SET scanned = 1
             WHERE id IN (SELECT id FROM node_marks WHERE scanned = 0 LIMIT ?1)
             RETURNING id";
        self.all("node_marks", sql, &[count(limit)], |row| row.id())
    }

    fn unmarked_nodes(&self, after: Option<&TreeId>, limit: usize) -> Result<Sweep<TreeId>> {
        let sql = "SELECT id, EXISTS (SELECT 1 FROM node_marks WHERE node_marks.id = nodes.id)
             FROM nodes WHERE id > ?1 ORDER BY id LIMIT ?2";
        self.sweep("nodes", sql, after.map(|id| &id.as_bytes()[..]), limit)
    }

    fn unmarked_contents(
        &self,
        after: Option<&ContentId>,
        limit: usize,
    ) -> Result<Sweep<ContentId>> {
        let sql = "SELECT id,
               EXISTS (SELECT 1 FROM content_marks WHERE content_marks.id = contents.id)
             FROM contents WHERE id > ?1 ORDER BY id LIMIT ?2";
        self.sweep("contents", sql, after.map(|id| &id.as_bytes()[..]), limit)
    }

    fn clear_marks(&self, limit: usize) -> Result<bool> {
        let nodes = "DELETE FROM node_marks WHERE id IN (SELECT id FROM node_marks LIMIT ?1)
             RETURNING 1";
        let deleted = self.all("node_marks", nodes, &[count(limit)], |_| Ok(()))?;
        let contents =
            "DELETE FROM content_marks WHERE id IN (SELECT id FROM content_marks LIMIT ?1)";
        self.exec(contents, &[count(limit - deleted.len())])?;
        let left = "SELECT 1 WHERE EXISTS (SELECT 1 FROM node_marks)
               OR EXISTS (SELECT 1 FROM content_marks)";
        self.exists(left, &[])
    }

    fn usage(&self) -> Result<StoreUsage> {
        let mut usage = StoreUsage::default();
        let sql = "SELECT count(*), coalesce(sum(length(encoded)), 0) FROM nodes";
        self.one("nodes", sql, &[], |row| {
            usage.nodes = row.number()?;
            usage.node_bytes = row.number()?;
            Ok(())
        })?;
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
