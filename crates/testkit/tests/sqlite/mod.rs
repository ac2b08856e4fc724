//! A SQLite database in memory that can be connected to again.

#![allow(dead_code, reason = "not every test counts rows")]

use std::rc::Rc;

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, ValueRef};
use workspace_core::{Error, Result};
use workspace_sql::{Body, OnRow, SqlConn, SqlValue, error_kind};

#[derive(Clone)]
pub(crate) struct MemorySqlite(Rc<Connection>);

impl MemorySqlite {
    pub(crate) fn new() -> Self {
        let db = Connection::open_in_memory().expect("memory is at hand");
        db.set_prepared_statement_cache_capacity(256);
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
            .expect("this SQLite knows it");
        Self(Rc::new(db))
    }

    /// Returns how many rows were inserted, updated or deleted so far.
    pub(crate) fn changed_rows(&self) -> u64 {
        self.0.total_changes()
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

fn value(found: ValueRef<'_>) -> SqlValue<'_> {
    match found {
        ValueRef::Null => SqlValue::Null,
        ValueRef::Integer(n) => SqlValue::Integer(n),
        ValueRef::Text(text) => SqlValue::Text(str::from_utf8(text).expect("UTF-8")),
        ValueRef::Blob(bytes) => SqlValue::Blob(bytes),
        ValueRef::Real(n) => panic!("a float: {n}"),
    }
}

impl SqlConn for MemorySqlite {
    fn exec(&self, sql: &str, params: &[SqlValue<'_>]) -> Result<bool> {
        let mut statement = self.0.prepare_cached(sql).map_err(failed)?;
        Ok(statement.execute(bound(params)).map_err(failed)? > 0)
    }

    fn query(&self, sql: &str, params: &[SqlValue<'_>], row: OnRow<'_>) -> Result<()> {
        let mut statement = self.0.prepare_cached(sql).map_err(failed)?;
        let columns = statement.column_count();
        let mut rows = statement.query(bound(params)).map_err(failed)?;
        while let Some(found) = rows.next().map_err(failed)? {
            let values = (0..columns).map(|column| found.get_ref(column).map(value));
            row(&values
                .collect::<rusqlite::Result<Vec<_>>>()
                .map_err(failed)?)?;
        }
        Ok(())
    }

    fn read(&self, body: Body<'_>) -> Result<()> {
        body(self)
    }

    fn transaction(&self, body: Body<'_>) -> Result<()> {
        let transaction = self.0.unchecked_transaction().map_err(failed)?;
        body(self)?;
        transaction.commit().map_err(failed)
    }

    fn transaction_unsynced(&self, body: Body<'_>) -> Result<()> {
        self.transaction(body)
    }
}
