//! The metadata store.

use std::cell::Cell;

use workspace_core::Result;
use workspace_core::store::{MetaStore, MetaTx};

use crate::conn::{Body, SqlConn};
use crate::schema::migrate;
use crate::tx::Tx;

/// The metadata of one workspace in one SQLite database.
#[derive(Debug)]
pub struct SqlMeta<C> {
    conn: C,
    /// The number of the next pack as the last transaction left it: nobody else
    /// writes.
    next_pack: Cell<Option<u64>>,
}

impl<C: SqlConn> SqlMeta<C> {
    /// Takes a database, and creates or upgrades its tables.
    ///
    /// # Errors
    /// [`Unsupported`](workspace_core::ErrorKind::Unsupported) for a database
    /// from a newer version, of which nothing is changed, and the database's own.
    pub fn open(conn: C) -> Result<Self> {
        migrate(&conn)?;
        Ok(Self {
            conn,
            next_pack: Cell::new(None),
        })
    }

    /// Returns the connection.
    pub fn conn(&self) -> &C {
        &self.conn
    }
}

impl<C: SqlConn> MetaStore for SqlMeta<C> {
    fn read(&self, body: &mut dyn FnMut(&dyn MetaTx) -> Result<()>) -> Result<()> {
        self.conn.read(&mut |conn| body(&Tx::new(conn, None)))
    }

    fn write(&self, body: &mut dyn FnMut(&dyn MetaTx) -> Result<()>) -> Result<()> {
        self.commit(body, |body| self.conn.transaction(body))
    }

    fn write_unsynced(&self, body: &mut dyn FnMut(&dyn MetaTx) -> Result<()>) -> Result<()> {
        self.commit(body, |body| self.conn.transaction_unsynced(body))
    }
}

impl<C: SqlConn> SqlMeta<C> {
    fn commit(
        &self,
        body: &mut dyn FnMut(&dyn MetaTx) -> Result<()>,
        transaction: impl FnOnce(Body<'_>) -> Result<()>,
    ) -> Result<()> {
        // Not known again before the commit is.
        let known = self.next_pack.take();
        let mut next = None;
        transaction(&mut |conn| {
            let tx = Tx::new(conn, known);
            body(&tx)?;
            next = tx.finish()?;
            Ok(())
        })?;
        self.next_pack.set(next);
        Ok(())
    }
}
