//! The database: one SQLite file with a write-ahead log.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, OpenFlags, Transaction, TransactionBehavior};
use workspace_core::{Error, ErrorKind, Result};
use workspace_sql::{Body, OnRow, SqlConn, SqlValue, error_kind};

/// Above the number of distinct statements that `workspace-sql` runs.
const STATEMENTS: usize = 128;

/// How many pages of log are moved into the file at once: 16 MiB, and where the disk is
/// nearly full 64 KiB.
const LONG_LOG: &str = "4096";
const SHORT_LOG: &str = "16";

/// What all connections are told.
const READING: [(&str, &str); 4] = [
    // In KiB where negative. No mmap: a file that is cut short by someone else would be a
    // SIGBUS instead of an error.
    ("cache_size", "-16384"),
    ("temp_store", "MEMORY"),
    ("trusted_schema", "OFF"),
    ("cell_size_check", "ON"),
];

/// Returns a path as SQLite is given it: absolute, since a name that begins with `file:`
/// is a URI to it, and without symlinks above the last name, since it follows none.
fn without_links(path: &Path) -> Result<PathBuf> {
    let above = path.parent().filter(|above| !above.as_os_str().is_empty());
    let found = above.unwrap_or(Path::new(".")).canonicalize();
    let found = found.map_err(crate::fault::io_error("open database", path))?;
    Ok(found.join(path.file_name().unwrap_or_default()))
}

/// One connection to a SQLite file. A commit is durable when it returns.
#[derive(Debug)]
pub struct SqliteConn {
    db: Connection,
    path: PathBuf,
}

impl SqliteConn {
    /// Opens the database at `path`, which must exist. The database itself may not be a
    /// symlink; directories above it may be.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] where it is not an intact database,
    /// [`ErrorKind::Locked`] where another program has it open, and
    /// [`ErrorKind::Unavailable`] where it cannot be read and written.
    pub fn open(path: &Path) -> Result<Self> {
        Self::with(path, OpenFlags::SQLITE_OPEN_READ_WRITE)
    }

    /// Opens the database at `path` and creates it where it is missing.
    ///
    /// # Errors
    /// Those of [`open`](Self::open).
    pub fn create(path: &Path) -> Result<Self> {
        Self::with(
            path,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
        )
    }

    /// Opens the database at `path` to be read only, where nobody writes it: no file is
    /// made beside it, and nothing is locked.
    ///
    /// # Errors
    /// Those of [`open`](Self::open), and [`ErrorKind::Unavailable`] where there is a log
    /// that has not been moved into the file.
    pub(crate) fn open_read_only(path: &Path) -> Result<Self> {
        let log = path.with_extension("db-wal");
        if log.metadata().is_ok_and(|log| log.len() > 0) {
            return Err(Error::new(ErrorKind::Unavailable, "open database")
                .at(log.display())
                .because("it was not closed: open the workspace once where it can be written"));
        }
        let name = without_links(path)?;
        let path_bytes = name.as_os_str().as_encoded_bytes();
        let mut uri = String::from("file:");
        for &byte in path_bytes {
            match byte {
                b'/' | b'-' | b'.' | b'_' | b'~' => uri.push(byte.into()),
                _ if byte.is_ascii_alphanumeric() => uri.push(byte.into()),
                _ => uri.push_str(&format!("%{byte:02X}")),
            }
        }
        uri.push_str("?immutable=1");
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
        let db = Self::connect(Path::new(&uri), path, flags)?;
        for (pragma, value) in READING {
            db.pragma_update(None, pragma, value)
                .map_err(|cause| failed("open database", path, cause))?;
        }
        Ok(Self {
            db,
            path: path.to_owned(),
        })
    }

    /// Opens a connection to `name`. Reads nothing.
    fn connect(name: &Path, path: &Path, flags: OpenFlags) -> Result<Connection> {
        let failed = |cause| failed("open database", path, cause);
        // One thread owns the connection, so SQLite need not lock within the process. What
        // is beside the database SQLite never opens through a symlink.
        let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        let db = Connection::open_with_flags(name, flags).map_err(failed)?;
        db.busy_timeout(Duration::from_secs(1)).map_err(failed)?;
        db.set_prepared_statement_cache_capacity(STATEMENTS);
        // A plan does not hang on the values that are bound. Otherwise SQLite compiles
        // many of the statements again for each of their values.
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
            .map_err(failed)?;
        Ok(db)
    }

    fn with(path: &Path, flags: OpenFlags) -> Result<Self> {
        let failed = |cause| failed("open database", path, cause);
        let name = without_links(path)?;
        let db = Self::connect(&name, path, flags)?;
        let writing = [
            // The log's index in memory instead of a shared file.
            ("locking_mode", "EXCLUSIVE"),
            ("journal_mode", "WAL"),
            // Each commit is one fsync of the log.
            ("synchronous", "FULL"),
            ("fullfsync", "ON"),
            ("wal_autocheckpoint", LONG_LOG),
            // Give back what a large transaction made it grow beyond 64 MiB.
            ("journal_size_limit", "67108864"),
        ];
        // Those for writing first: the index is where the first look finds it.
        for (pragma, value) in writing.into_iter().chain(READING) {
            db.pragma_update(None, pragma, value).map_err(failed)?;
        }
        // SQLite passes over what it does not know; a commit that is not flushed
        // must not pass for one that is.
        for (pragma, wanted) in [("synchronous", 2), ("fullfsync", 1)] {
            let found: i64 = db
                .pragma_query_value(None, pragma, |row| row.get(0))
                .map_err(failed)?;
            if found != wanted {
                return Err(Error::new(ErrorKind::Unsupported, "open database")
                    .at(path.display())
                    .because(format!("{pragma} is {found}, expected {wanted}")));
            }
        }
        Ok(Self {
            db,
            path: path.to_owned(),
        })
    }

    /// Moves the whole log into the file.
    ///
    /// # Errors
    /// Those of [`open`](Self::open), and [`ErrorKind::StorageFull`]; then the log
    /// stays.
    pub(crate) fn move_log(&self) -> Result<()> {
        let failed = |cause| failed("close database", &self.path, cause);
        let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
        let busy: i64 = (self.db.query_row(sql, [], |row| row.get(0))).map_err(failed)?;
        match busy {
            0 => Ok(()),
            _ => Err(Error::new(ErrorKind::Locked, "close database").at(self.path.display())),
        }
    }

    /// Says how long the log may grow before it is moved into the file: for a nearly full
    /// disk, or as it is fastest.
    ///
    /// # Errors
    /// Those of [`open`](Self::open).
    pub(crate) fn keep_log_short(&self, short: bool) -> Result<()> {
        let pages = match short {
            // What is in it already stays there, where the file cannot grow.
            true => {
                let _full = self.move_log();
                SHORT_LOG
            }
            false => LONG_LOG,
        };
        self.db
            .pragma_update(None, "wal_autocheckpoint", pages)
            .map_err(|cause| self.failed(cause))
    }

    /// Checks the whole file: pages, indexes, constraints.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`], with the first thing found.
    pub fn check(&self) -> Result<()> {
        let failed = |cause| failed("check database", &self.path, cause);
        let found: String = self
            .db
            .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
            .map_err(failed)?;
        match found.as_str() {
            "ok" => Ok(()),
            why => Err(Error::new(ErrorKind::Corrupt, "check database")
                .at(self.path.display())
                .because(why)),
        }
    }

    fn failed(&self, cause: rusqlite::Error) -> Error {
        failed("use database", &self.path, cause)
    }

    fn prepare(&self, sql: &str, params: &[SqlValue<'_>]) -> Result<CachedStatement<'_>> {
        let failed = |cause| self.failed(cause);
        let mut statement = self.db.prepare_cached(sql).map_err(failed)?;
        for (index, value) in params.iter().enumerate() {
            let value = ToSqlOutput::Borrowed(match *value {
                SqlValue::Null => ValueRef::Null,
                SqlValue::Integer(n) => ValueRef::Integer(n),
                SqlValue::Text(text) => ValueRef::Text(text.as_bytes()),
                SqlValue::Blob(bytes) => ValueRef::Blob(bytes),
            });
            statement
                .raw_bind_parameter(index + 1, value)
                .map_err(failed)?;
        }
        Ok(statement)
    }

    fn within(&self, behavior: TransactionBehavior, body: Body<'_>) -> Result<()> {
        let failed = |cause| self.failed(cause);
        // Dropped on an error or panic of the body, it rolls back.
        let transaction = Transaction::new_unchecked(&self.db, behavior).map_err(failed)?;
        body(self)?;
        transaction.commit().map_err(failed)
    }
}

impl SqlConn for SqliteConn {
    fn exec(&self, sql: &str, params: &[SqlValue<'_>]) -> Result<bool> {
        let mut statement = self.prepare(sql, params)?;
        let changed = statement
            .raw_execute()
            .map_err(|cause| self.failed(cause))?;
        Ok(changed > 0)
    }

    fn query(&self, sql: &str, params: &[SqlValue<'_>], row: OnRow<'_>) -> Result<()> {
        let mut statement = self.prepare(sql, params)?;
        let columns = statement.column_count();
        let mut rows = statement.raw_query();
        while let Some(found) = rows.next().map_err(|cause| self.failed(cause))? {
            let mut values = Vec::with_capacity(columns);
            for column in 0..columns {
                let value = found.get_ref(column).map_err(|cause| self.failed(cause))?;
                values.push(self.value(value)?);
            }
            row(&values)?;
        }
        Ok(())
    }

    fn read(&self, body: Body<'_>) -> Result<()> {
        self.within(TransactionBehavior::Deferred, body)
    }

    fn transaction(&self, body: Body<'_>) -> Result<()> {
        self.within(TransactionBehavior::Immediate, body)
    }

    /// The log is written in order, and the next transaction that is flushed flushes it all.
    fn transaction_unsynced(&self, body: Body<'_>) -> Result<()> {
        let synchronous = |level: &str| {
            self.db
                .pragma_update(None, "synchronous", level)
                .map_err(|cause| self.failed(cause))
        };
        synchronous("NORMAL")?;
        let unsynced = Unsynced { db: &self.db };
        let done = self.within(TransactionBehavior::Immediate, body);
        drop(unsynced);
        done
    }
}

/// Has commits flushed again when it goes, also where a body panics.
struct Unsynced<'a> {
    db: &'a Connection,
}

impl Drop for Unsynced<'_> {
    fn drop(&mut self) {
        // Outside a transaction it cannot fail, but for want of memory.
        let _flushed = self.db.pragma_update(None, "synchronous", "FULL");
    }
}

impl SqliteConn {
    fn value<'r>(&self, value: ValueRef<'r>) -> Result<SqlValue<'r>> {
        let corrupt = |why| {
            Error::new(ErrorKind::Corrupt, "read row")
                .at(self.path.display())
                .because(why)
        };
        Ok(match value {
            ValueRef::Null => SqlValue::Null,
            ValueRef::Integer(n) => SqlValue::Integer(n),
            ValueRef::Text(text) => match str::from_utf8(text) {
                Ok(text) => SqlValue::Text(text),
                Err(_) => return Err(corrupt("text that is not UTF-8")),
            },
            ValueRef::Blob(bytes) => SqlValue::Blob(bytes),
            ValueRef::Real(_) => return Err(corrupt("a floating-point number")),
        })
    }
}

fn failed(operation: &'static str, path: &Path, cause: rusqlite::Error) -> Error {
    let code = cause.sqlite_error().map_or(1, |error| error.extended_code);
    let error = Error::new(error_kind(code), operation).at(path.display());
    let error = match code & 0xff {
        5 | 6 => error.because("another program has it open"),
        8 => error.because("the database or its directory is read-only"),
        11 | 26 => error.because("not an intact SQLite database"),
        13 => error.because("the disk is full"),
        14 => error.because("it cannot be opened for reading and writing"),
        _ => error,
    };
    error.with_source(cause)
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;

    #[test]
    fn only_a_transaction_that_says_so_is_not_flushed() {
        let directory = tempfile::tempdir().unwrap();
        let conn = SqliteConn::create(&directory.path().join("db")).unwrap();
        let level = || -> i64 {
            let read = |row: &rusqlite::Row<'_>| row.get(0);
            conn.db
                .pragma_query_value(None, "synchronous", read)
                .unwrap()
        };
        let mut seen = Vec::new();
        conn.transaction_unsynced(&mut |conn| {
            seen.push(level());
            conn.exec("CREATE TABLE t (n INTEGER)", &[]).map(drop)
        })
        .unwrap();
        let failed = conn.transaction_unsynced(&mut |conn| conn.exec("no SQL", &[]).map(drop));
        assert!(failed.is_err());
        conn.transaction(&mut |_| {
            seen.push(level());
            Ok(())
        })
        .unwrap();
        // NORMAL, and FULL.
        assert_eq!(seen, [1, 2]);
        assert_eq!(level(), 2);
    }

    #[test]
    fn a_statement_is_compiled_once_for_all_values() {
        let directory = tempfile::tempdir().unwrap();
        let conn = SqliteConn::create(&directory.path().join("db")).unwrap();
        for sql in [
            "CREATE TABLE t (number INTEGER PRIMARY KEY, id BLOB)",
            "CREATE TABLE u (id BLOB PRIMARY KEY, place INTEGER) WITHOUT ROWID",
        ] {
            conn.exec(sql, &[]).unwrap();
        }
        // Each of them would be compiled for each row that it is to find.
        for sql in [
            "SELECT id FROM t WHERE number > ?1 LIMIT ?2",
            "SELECT u.place, t.id FROM u LEFT JOIN t ON t.number = u.place / 64 WHERE u.id = ?1",
            "DELETE FROM t WHERE number IN (SELECT number FROM t LIMIT ?1) RETURNING 1",
        ] {
            for number in 0..5 {
                let params = [SqlValue::Integer(number), SqlValue::Integer(number)];
                let count = sql.matches('?').count();
                conn.exec(sql, &params[..count]).unwrap();
            }
            let statement = conn.db.prepare_cached(sql).unwrap();
            assert!(statement.get_status(StatementStatus::Run) >= 5);
            assert_eq!(statement.get_status(StatementStatus::RePrepare), 0, "{sql}");
        }
    }
}
