//! The database connection that this crate asks for.

use workspace_core::{ErrorKind, Result};

/// A value bound to a statement, or read from a row.
///
/// There is no floating point, and no integer beyond ±(2^53 − 1): a Durable
/// Object hands integers over as JavaScript numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SqlValue<'a> {
    /// NULL.
    Null,
    /// An integer of at most 53 bits.
    Integer(i64),
    /// Text.
    Text(&'a str),
    /// Bytes.
    Blob(&'a [u8]),
}

impl SqlValue<'_> {
    /// The largest integer, and negated the smallest.
    pub const MAX_INTEGER: i64 = (1 << 53) - 1;

    /// Returns how many bytes the value takes, without its header.
    pub fn size(&self) -> usize {
        match self {
            Self::Null => 0,
            Self::Integer(_) => 8,
            Self::Text(text) => text.len(),
            Self::Blob(bytes) => bytes.len(),
        }
    }
}

/// What [`query`](SqlConn::query) calls with each row.
pub type OnRow<'a> = &'a mut dyn FnMut(&[SqlValue<'_>]) -> Result<()>;
/// What runs inside a transaction.
pub type Body<'a> = &'a mut dyn FnMut(&dyn SqlConn) -> Result<()>;

/// A synchronous connection to one SQLite database, with one writer.
///
/// Object-safe. Callers keep within what a Durable Object allows: each call is
/// one statement under 100 KB with at most 100 parameters (`?1`, `?2`, …) and
/// 100 columns, a row or value stays under 2 MB, no statement begins or ends a
/// transaction, and transactions do not nest. The few statement texts are the
/// same each time, so that an implementation can cache what it prepares.
pub trait SqlConn {
    /// Runs a statement that returns no rows. Returns whether an INSERT, UPDATE
    /// or DELETE changed any row; means nothing for other statements.
    ///
    /// # Errors
    /// The database's own, by the table of [`error_kind`].
    fn exec(&self, sql: &str, params: &[SqlValue<'_>]) -> Result<bool>;

    /// Runs a statement to its end and calls `row` with each row of its result.
    /// The values live only during that call; `row` runs no statement.
    ///
    /// # Errors
    /// Those of `row`, which end the query, and the database's own.
    fn query(&self, sql: &str, params: &[SqlValue<'_>], row: OnRow<'_>) -> Result<()>;

    /// Runs `body` once over one consistent state. `body` writes nothing.
    ///
    /// # Errors
    /// Those of `body`, and the database's own.
    fn read(&self, body: Body<'_>) -> Result<()>;

    /// Runs `body` once and commits what it wrote, durably, or nothing of it
    /// where `body` or the commit fails.
    ///
    /// # Errors
    /// Those of `body`, and the database's own.
    fn transaction(&self, body: Body<'_>) -> Result<()>;

    /// Runs `body` as [`transaction`](Self::transaction) does, except that a crash may lose
    /// what it committed, until a later transaction has returned: commits are lost from the
    /// last one backwards, and never in part.
    ///
    /// # Errors
    /// Those of `body`, and the database's own.
    fn transaction_unsynced(&self, body: Body<'_>) -> Result<()>;
}

impl<C: SqlConn + ?Sized> SqlConn for &C {
    fn exec(&self, sql: &str, params: &[SqlValue<'_>]) -> Result<bool> {
        (**self).exec(sql, params)
    }

    fn query(&self, sql: &str, params: &[SqlValue<'_>], row: OnRow<'_>) -> Result<()> {
        (**self).query(sql, params, row)
    }

    fn read(&self, body: Body<'_>) -> Result<()> {
        (**self).read(body)
    }

    fn transaction(&self, body: Body<'_>) -> Result<()> {
        (**self).transaction(body)
    }

    fn transaction_unsynced(&self, body: Body<'_>) -> Result<()> {
        (**self).transaction_unsynced(body)
    }
}

/// Returns the kind of error that a SQLite result code stands for: a primary
/// code, or an extended one, of which the low byte counts.
///
/// Constraints can only fail on a name or id that is taken, as statements bind
/// the right types.
pub fn error_kind(code: i32) -> ErrorKind {
    match code & 0xff {
        5 | 6 => ErrorKind::Locked,     // BUSY, LOCKED
        11 | 26 => ErrorKind::Corrupt,  // CORRUPT, NOTADB
        13 => ErrorKind::StorageFull,   // FULL
        18 => ErrorKind::LimitExceeded, // TOOBIG
        19 => ErrorKind::AlreadyExists, // CONSTRAINT
        _ => ErrorKind::Unavailable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extended_codes_are_their_primary_ones() {
        let cases = [
            (5, ErrorKind::Locked),
            (5 | 2 << 8, ErrorKind::Locked),   // BUSY_SNAPSHOT
            (11 | 1 << 8, ErrorKind::Corrupt), // CORRUPT_VTAB
            (26, ErrorKind::Corrupt),
            (13, ErrorKind::StorageFull),
            (18, ErrorKind::LimitExceeded),
            (19 | 8 << 8, ErrorKind::AlreadyExists), // CONSTRAINT_UNIQUE
            (8, ErrorKind::Unavailable),             // READONLY
            (10 | 3 << 8, ErrorKind::Unavailable),   // IOERR_WRITE
        ];
        for (code, kind) in cases {
            assert_eq!(error_kind(code), kind, "{code}");
        }
    }
}
