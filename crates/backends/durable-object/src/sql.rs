//! The SQL of an object's storage.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use js_sys::{Array, JsString, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use workspace_core::{Error, ErrorKind, Result};
use workspace_sql::{Body, OnRow, SqlConn, SqlValue};

use crate::fault::{Exception, sql_error_kind};
use crate::sys::{self, Sql, Storage};

/// What a Durable Object takes in production. The local runtime takes more, so
/// it is checked here.
const MAX_VALUES: usize = 2_000_000;
const MAX_PARAMS: usize = 100;
const MAX_SQL: usize = 100_000;
/// How many statements are kept as text of JavaScript.
const MAX_TEXTS: usize = 256;

/// The SQLite database of a Durable Object.
///
/// A transaction is `transactionSync`: one commit, or a rollback on an error and
/// on a panic. A write is durable when the platform lets the response out, not
/// when the call returns.
#[derive(Debug, Clone)]
pub struct DoSql {
    storage: Storage,
    sql: Sql,
    /// Of this value and its clones.
    written: Rc<Cell<u64>>,
    /// The statements as JavaScript has them: each is handed over once.
    texts: Rc<RefCell<HashMap<Box<str>, JsString>>>,
}

impl DoSql {
    /// Takes the storage of an object's state.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] where the object has no SQLite database: its
    /// class has to be among the `new_sqlite_classes`.
    pub fn new(storage: &worker::Storage) -> Result<Self> {
        let storage = storage.as_raw().unchecked_ref::<Storage>().clone();
        match storage.sql() {
            Ok(sql) if sql.is_object() => Ok(Self {
                storage,
                sql,
                written: Rc::default(),
                texts: Rc::default(),
            }),
            Ok(_) => Err(Error::new(ErrorKind::Unsupported, "open database")
                .because("the class of this object has no SQLite database")),
            Err(thrown) => Err(Error::new(ErrorKind::Unsupported, "open database")
                .with_source(Exception::from(thrown))),
        }
    }

    /// Returns how many rows its statements have written so far, as the platform
    /// bills them: those of tables and those of indexes; rolled back ones too.
    pub fn rows_written(&self) -> u64 {
        self.written.get()
    }

    fn count(&self, operation: &'static str, cursor: &sys::Cursor) -> Result<u64> {
        let rows = cursor.rows_written();
        let rows = rows.map_err(|thrown| failed(operation, thrown))? as u64;
        self.written.set(self.written.get() + rows);
        Ok(rows)
    }

    /// Returns a statement as JavaScript has it.
    fn text(&self, sql: &str) -> JsString {
        let mut texts = self.texts.borrow_mut();
        if let Some(text) = texts.get(sql) {
            return text.clone();
        }
        // All that there are, and few that are made up for one call.
        if texts.len() >= MAX_TEXTS {
            texts.clear();
        }
        let text = JsString::from(sql);
        texts.insert(sql.into(), text.clone());
        text
    }

    fn run(
        &self,
        operation: &'static str,
        sql: &str,
        params: &[SqlValue<'_>],
    ) -> Result<sys::Cursor> {
        let size: usize = params.iter().map(SqlValue::size).sum();
        for (what, found, most) in [
            ("bytes of values", size, MAX_VALUES),
            ("values", params.len(), MAX_PARAMS),
            ("bytes of SQL", sql.len(), MAX_SQL),
        ] {
            if found > most {
                return Err(Error::new(ErrorKind::LimitExceeded, operation)
                    .because(format_args!("{found} {what}, more than {most}")));
            }
        }
        let values = Array::new_with_length(params.len() as u32);
        for (at, value) in (0..).zip(params) {
            values.set(at, to_js(*value));
        }
        self.sql
            .exec(&self.text(sql), &values)
            .map_err(|thrown| failed(operation, thrown))
    }
}

impl SqlConn for DoSql {
    fn exec(&self, sql: &str, params: &[SqlValue<'_>]) -> Result<bool> {
        const OPERATION: &str = "write row";
        let cursor = self.run(OPERATION, sql, params)?;
        Ok(self.count(OPERATION, &cursor)? > 0)
    }

    fn query(&self, sql: &str, params: &[SqlValue<'_>], row: OnRow<'_>) -> Result<()> {
        const OPERATION: &str = "read row";
        let cursor = self.run(OPERATION, sql, params)?;
        let rows = cursor.raw().map_err(|thrown| failed(OPERATION, thrown))?;
        let rows = sys::collected(&rows).map_err(|thrown| failed(OPERATION, thrown))?;
        self.count(OPERATION, &cursor)?;
        for columns in rows.iter() {
            let columns: Array = columns.unchecked_into();
            let owned: Vec<Owned> = columns.iter().map(Owned::from).collect();
            let values: Vec<SqlValue<'_>> =
                owned.iter().map(Owned::borrow).collect::<Result<_>>()?;
            row(&values)?;
        }
        Ok(())
    }

    fn read(&self, body: Body<'_>) -> Result<()> {
        // Nobody else runs until this returns.
        body(self)
    }

    fn transaction(&self, body: Body<'_>) -> Result<()> {
        let mut outcome = None;
        let ended = self.storage.transaction_sync(&mut || {
            let result = body(self);
            let ended = match &result {
                Ok(()) => Ok(()),
                // Any exception rolls back; this one says nothing and costs nothing.
                Err(_) => Err(JsValue::NULL),
            };
            outcome = Some(result);
            ended
        });
        match (outcome, ended) {
            (Some(Err(error)), _) => Err(error),
            (Some(Ok(())), Ok(())) => Ok(()),
            (_, Err(thrown)) if is_trap(&thrown) => {
                // The body panicked: this instance's memory cannot be trusted, so
                // nothing may go on as if a call had failed.
                panic!("a panic inside a transaction: {}", Exception::from(thrown))
            }
            (_, Err(thrown)) => Err(failed("commit", thrown)),
            (None, Ok(())) => {
                Err(Error::new(ErrorKind::Unavailable, "commit")
                    .because("the transaction did not run"))
            }
        }
    }

    /// The platform flushes before an answer leaves, and not by the transaction.
    fn transaction_unsynced(&self, body: Body<'_>) -> Result<()> {
        self.transaction(body)
    }
}

fn is_trap(thrown: &JsValue) -> bool {
    thrown.is_instance_of::<js_sys::WebAssembly::RuntimeError>()
}

fn failed(operation: &'static str, thrown: JsValue) -> Error {
    let cause = Exception::from(thrown);
    Error::new(sql_error_kind(cause.text()), operation).with_source(cause)
}

fn to_js(value: SqlValue<'_>) -> JsValue {
    match value {
        SqlValue::Null => JsValue::NULL,
        SqlValue::Integer(n) => JsValue::from_f64(n as f64),
        SqlValue::Text(text) => JsValue::from_str(text),
        SqlValue::Blob(bytes) => Uint8Array::from(bytes).into(),
    }
}

/// A value of a row, copied out of JavaScript.
enum Owned {
    Null,
    Number(f64),
    Text(String),
    Blob(Vec<u8>),
    Other,
}

impl From<JsValue> for Owned {
    fn from(value: JsValue) -> Self {
        if value.is_null() {
            Self::Null
        } else if let Some(number) = value.as_f64() {
            Self::Number(number)
        } else if let Some(bytes) = sys::bytes_of(&value) {
            Self::Blob(bytes)
        } else if let Some(text) = value.as_string() {
            Self::Text(text)
        } else {
            Self::Other
        }
    }
}

impl Owned {
    fn borrow(&self) -> Result<SqlValue<'_>> {
        let limit = SqlValue::MAX_INTEGER as f64;
        match self {
            Self::Null => Ok(SqlValue::Null),
            Self::Number(n) if n.fract() == 0.0 && n.abs() <= limit => {
                Ok(SqlValue::Integer(*n as i64))
            }
            Self::Text(text) => Ok(SqlValue::Text(text)),
            Self::Blob(bytes) => Ok(SqlValue::Blob(bytes)),
            Self::Number(_) | Self::Other => Err(Error::new(ErrorKind::Corrupt, "read row")
                .because("a value that is no integer of 53 bits, text or bytes")),
        }
    }
}
