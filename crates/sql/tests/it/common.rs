//! A database in memory.

use std::cell::RefCell;
use std::collections::BTreeSet;

use rusqlite::Connection;
use rusqlite::types::{ToSqlOutput, ValueRef};
use workspace_core::{Error, ErrorKind, Result};
use workspace_sql::{Body, OnRow, SqlConn, SqlValue, error_kind};

/// Remembers each statement that it ran.
pub(crate) struct MemoryConn {
    pub(crate) db: Connection,
    pub(crate) statements: RefCell<BTreeSet<String>>,
}

impl MemoryConn {
    pub(crate) fn new() -> Self {
        Self {
            db: Connection::open_in_memory().unwrap(),
            statements: RefCell::default(),
        }
    }

    /// Returns the size of the database, in bytes.
    pub(crate) fn size(&self) -> u64 {
        let pragma = |name| {
            self.db
                .pragma_query_value(None, name, |row| row.get::<_, i64>(0))
        };
        (pragma("page_count").unwrap() * pragma("page_size").unwrap()) as u64
    }
}

fn failed(cause: rusqlite::Error) -> Error {
    let code = cause.sqlite_error().map_or(1, |error| error.extended_code);
    Error::new(error_kind(code), "test statement").with_source(cause)
}

fn bound<'a>(params: &'a [SqlValue<'a>]) -> impl rusqlite::Params + 'a {
    rusqlite::params_from_iter(params.iter().map(|value| {
        ToSqlOutput::Borrowed(match *value {
            SqlValue::Null => ValueRef::Null,
            SqlValue::Integer(n) => ValueRef::Integer(n),
            SqlValue::Text(text) => ValueRef::Text(text.as_bytes()),
            SqlValue::Blob(bytes) => ValueRef::Blob(bytes),
        })
    }))
}

impl SqlConn for MemoryConn {
    fn exec(&self, sql: &str, params: &[SqlValue<'_>]) -> Result<bool> {
        self.statements.borrow_mut().insert(sql.into());
        let mut statement = self.db.prepare_cached(sql).map_err(failed)?;
        Ok(statement.execute(bound(params)).map_err(failed)? > 0)
    }

    fn query(&self, sql: &str, params: &[SqlValue<'_>], row: OnRow<'_>) -> Result<()> {
        self.statements.borrow_mut().insert(sql.into());
        let mut statement = self.db.prepare_cached(sql).map_err(failed)?;
        let columns = statement.column_count();
        let mut rows = statement.query(bound(params)).map_err(failed)?;
        while let Some(found) = rows.next().map_err(failed)? {
            let values: Vec<_> = (0..columns)
                .map(|column| match found.get_ref(column).unwrap() {
                    ValueRef::Null => SqlValue::Null,
                    ValueRef::Integer(n) => SqlValue::Integer(n),
                    ValueRef::Text(text) => SqlValue::Text(str::from_utf8(text).unwrap()),
                    ValueRef::Blob(bytes) => SqlValue::Blob(bytes),
                    ValueRef::Real(_) => panic!("a float in {sql}"),
                })
                .collect();
            row(&values)?;
        }
        Ok(())
    }

    fn read(&self, body: Body<'_>) -> Result<()> {
        body(self)
    }

    fn transaction(&self, body: Body<'_>) -> Result<()> {
        let transaction = self.db.unchecked_transaction().map_err(failed)?;
        body(self)?;
        transaction.commit().map_err(failed)
    }

    fn transaction_unsynced(&self, body: Body<'_>) -> Result<()> {
        self.transaction(body)
    }
}

pub(crate) fn kind<T: std::fmt::Debug>(result: Result<T>) -> ErrorKind {
    result.unwrap_err().kind()
}
