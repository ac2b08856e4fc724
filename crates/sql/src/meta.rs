//! The metadata store.

use workspace_core::Result;
use workspace_core::store::{MetaStore, MetaTx};

use crate::conn::SqlConn;
use crate::schema::migrate;
use crate::tx::Tx;

/// The metadata of one workspace in one SQLite database.
#[derive(Debug)]
pub struct SqlMeta<C> {
    conn: C,
}

impl<C: SqlConn> SqlMeta<C> {
    /// Takes a database, and creates or upgrades its tables.
    ///
    /// # Errors
    /// [`Unsupported`](workspace_core::ErrorKind::Unsupported) for a database
    /// from a newer version, of which nothing is changed, and the database's own.
    pub fn open(conn: C) -> Result<Self> {
        migrate(&conn)?;
        Ok(Self { conn })
    }

    /// Returns the connection.
    pub fn conn(&self) -> &C {
        &self.conn
    }
}

impl<C: SqlConn> MetaStore for SqlMeta<C> {
    fn read(&self, body: &mut dyn FnMut(&dyn MetaTx) -> Result<()>) -> Result<()> {
        self.conn.read(&mut |conn| body(&Tx::new(conn)))
    }

    fn write(&self, body: &mut dyn FnMut(&dyn MetaTx) -> Result<()>) -> Result<()> {
        self.conn.transaction(&mut |conn| body(&Tx::new(conn)))
    }
}
