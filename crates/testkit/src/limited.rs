//! SQLite as a Durable Object offers it.

use std::cell::Cell;

use workspace_core::{Error, ErrorKind, Result};
use workspace_sql::{Body, OnRow, SqlConn, SqlValue};

/// The longest statement, in bytes.
const MAX_STATEMENT: usize = 100 << 10;
/// The most parameters of a statement.
const MAX_PARAMETERS: usize = 100;
/// The most columns of a row.
const MAX_COLUMNS: usize = 100;
/// The deepest expression.
const MAX_DEPTH: usize = 100;
/// The largest value or row, in bytes.
const MAX_ROW: usize = 2_000_000;
/// What a statement may not begin with.
const REFUSED: [&str; 11] = [
    "BEGIN",
    "COMMIT",
    "END",
    "ROLLBACK",
    "SAVEPOINT",
    "RELEASE",
    "PRAGMA",
    "ATTACH",
    "DETACH",
    "VACUUM",
    "REINDEX",
];

/// A connection that enforces what a Durable Object's SQL does, and more.
///
/// It refuses, with [`ErrorKind::Unsupported`]: statements that begin or end a
/// transaction, pragmas and other statements that are not for objects, several
/// statements in one text, a text over 100 KB, an expression over 100
/// parentheses deep, over 100 parameters or columns, a write outside a
/// transaction (it would never be rolled back) or inside a read, a statement
/// while the rows of another are read, and a transaction inside another; with
/// [`ErrorKind::LimitExceeded`], values and rows over 2 MB, and integers beyond
/// ±(2^53 − 1), which would come back rounded.
#[derive(Debug)]
pub struct LimitedConn<C> {
    conn: C,
    state: Cell<State>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    Reading,
    Writing,
}

impl<C> LimitedConn<C> {
    /// Wraps `conn`.
    pub fn new(conn: C) -> Self {
        Self {
            conn,
            state: Cell::new(State::Idle),
        }
    }
}

/// What a transaction sees of the connection.
struct Inside<'a> {
    conn: &'a dyn SqlConn,
    state: State,
    stepping: Cell<bool>,
}

fn refuse(kind: ErrorKind, sql: &str, why: impl Into<String>) -> Error {
    let start: String = sql.chars().take(80).collect();
    Error::new(kind, "run statement")
        .at(start.escape_debug())
        .because(why.into())
}

fn check_statement(sql: &str, params: &[SqlValue<'_>], state: State) -> Result<()> {
    let refused = |why: String| Err(refuse(ErrorKind::Unsupported, sql, why));
    let text = sql.trim().trim_end_matches(';');
    let word = text.split(|c: char| !c.is_ascii_alphabetic()).next();
    let word = word.unwrap_or_default().to_ascii_uppercase();
    if REFUSED.contains(&word.as_str()) {
        return refused(format!("no {word} in a Durable Object"));
    }
    if text.contains(';') {
        return refused("several statements".into());
    }
    if text.to_ascii_lowercase().contains("_cf_") {
        return refused("names with _cf_ are reserved".into());
    }
    if sql.len() > MAX_STATEMENT {
        return refused(format!("{} bytes of text", sql.len()));
    }
    if depth(text) > MAX_DEPTH {
        return refused(format!("{} parentheses deep", depth(text)));
    }
    if params.len() > MAX_PARAMETERS {
        return refused(format!("{} parameters", params.len()));
    }
    if !matches!(word.as_str(), "SELECT" | "VALUES" | "EXPLAIN") && state != State::Writing {
        return refused("a write outside a transaction".into());
    }
    check_row(sql, params)
}

fn check_row(sql: &str, values: &[SqlValue<'_>]) -> Result<()> {
    if values.len() > MAX_COLUMNS {
        let why = format!("{} columns", values.len());
        return Err(refuse(ErrorKind::Unsupported, sql, why));
    }
    let bytes: usize = values.iter().map(SqlValue::size).sum();
    if bytes > MAX_ROW {
        let why = format!("{bytes} bytes in a row");
        return Err(refuse(ErrorKind::LimitExceeded, sql, why));
    }
    let limit = SqlValue::MAX_INTEGER.unsigned_abs();
    for value in values {
        if let SqlValue::Integer(n) = value
            && n.unsigned_abs() > limit
        {
            let why = format!("{n} would be rounded");
            return Err(refuse(ErrorKind::LimitExceeded, sql, why));
        }
    }
    Ok(())
}

/// Returns how deep parentheses go; those in quotes count, to be safe.
fn depth(sql: &str) -> usize {
    let mut open: usize = 0;
    let mut deepest = 0;
    for c in sql.bytes() {
        match c {
            b'(' => open += 1,
            b')' => open = open.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(open);
    }
    deepest
}

impl Inside<'_> {
    fn check(&self, sql: &str, params: &[SqlValue<'_>]) -> Result<()> {
        if self.stepping.get() {
            let why = "the rows of another statement are being read";
            return Err(refuse(ErrorKind::Unsupported, sql, why));
        }
        check_statement(sql, params, self.state)
    }
}

impl SqlConn for Inside<'_> {
    fn exec(&self, sql: &str, params: &[SqlValue<'_>]) -> Result<bool> {
        self.check(sql, params)?;
        self.conn.exec(sql, params)
    }

    fn query(&self, sql: &str, params: &[SqlValue<'_>], row: OnRow<'_>) -> Result<()> {
        self.check(sql, params)?;
        self.stepping.set(true);
        let outcome = self.conn.query(sql, params, &mut |values| {
            check_row(sql, values)?;
            row(values)
        });
        self.stepping.set(false);
        outcome
    }

    fn read(&self, _: Body<'_>) -> Result<()> {
        Err(nested())
    }

    fn transaction(&self, _: Body<'_>) -> Result<()> {
        Err(nested())
    }

    fn transaction_unsynced(&self, _: Body<'_>) -> Result<()> {
        Err(nested())
    }
}

fn nested() -> Error {
    let why = "transactions do not nest";
    refuse(ErrorKind::Unsupported, "transaction", why)
}

impl<C: SqlConn> LimitedConn<C> {
    fn inside(&self, conn: &dyn SqlConn, state: State, body: Body<'_>) -> Result<()> {
        self.state.set(state);
        let outcome = body(&Inside {
            conn,
            state,
            stepping: Cell::new(false),
        });
        self.state.set(State::Idle);
        outcome
    }

    /// Returns the connection outside any transaction.
    fn idle(&self) -> Result<Inside<'_>> {
        match self.state.get() {
            State::Idle => Ok(Inside {
                conn: &self.conn,
                state: State::Idle,
                stepping: Cell::new(false),
            }),
            _ => Err(nested()),
        }
    }
}

impl<C: SqlConn> SqlConn for LimitedConn<C> {
    fn exec(&self, sql: &str, params: &[SqlValue<'_>]) -> Result<bool> {
        self.idle()?.exec(sql, params)
    }

    fn query(&self, sql: &str, params: &[SqlValue<'_>], row: OnRow<'_>) -> Result<()> {
        self.idle()?.query(sql, params, row)
    }

    fn read(&self, body: Body<'_>) -> Result<()> {
        self.idle()?;
        self.conn
            .read(&mut |conn| self.inside(conn, State::Reading, body))
    }

    fn transaction(&self, body: Body<'_>) -> Result<()> {
        self.idle()?;
        self.conn
            .transaction(&mut |conn| self.inside(conn, State::Writing, body))
    }

    fn transaction_unsynced(&self, body: Body<'_>) -> Result<()> {
        self.idle()?;
        self.conn
            .transaction_unsynced(&mut |conn| self.inside(conn, State::Writing, body))
    }
}
