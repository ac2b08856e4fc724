//! Storage for the model: the object's database, and objects in memory.

use std::sync::Arc;

use workspace_core::store::{BlobStore, MetaStore};
use workspace_durable_object::DoSql;
use workspace_sql::{SqlConn as _, SqlMeta, SqlValue};
use workspace_testkit::{MemoryBlobs, Storage};

/// The model runs without giving up its turn, so R2 cannot take part; the
/// objects in memory are stricter.
pub(crate) struct ObjectStorage {
    sql: DoSql,
    blobs: MemoryBlobs,
}

impl ObjectStorage {
    /// Takes the database, and drops what is in it.
    pub(crate) fn empty(sql: &DoSql) -> Self {
        let mut tables = Vec::new();
        let all = "SELECT name FROM sqlite_master
                   WHERE type = 'table' AND name NOT GLOB '_cf_*' AND name NOT GLOB 'sqlite_*'";
        sql.query(all, &[], &mut |row| {
            if let [SqlValue::Text(name)] = row {
                tables.push((*name).to_owned());
            }
            Ok(())
        })
        .expect("the tables can be listed");
        for table in tables {
            let dropped = sql.exec(&format!("DROP TABLE {table}"), &[]);
            dropped.expect("a table can be dropped");
        }
        Self {
            sql: sql.clone(),
            blobs: MemoryBlobs::new(),
        }
    }
}

impl Storage for ObjectStorage {
    fn meta(&self) -> Box<dyn MetaStore> {
        Box::new(SqlMeta::open(self.sql.clone()).expect("the database opens"))
    }

    fn blobs(&self) -> Arc<dyn BlobStore> {
        Arc::new(self.blobs.clone())
    }
}
