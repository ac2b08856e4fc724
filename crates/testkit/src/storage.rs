//! Storage that outlives the workspaces on it.

use std::fmt;
use std::sync::Arc;

use workspace_core::Result;
use workspace_core::store::{BlobStore, MetaStore};
use workspace_sql::{SqlConn, SqlMeta};

use crate::memory::{MemoryBlobs, MemoryMeta};

/// The stores of one workspace, which can be opened again and again, as after a
/// crash. What was opened before is dropped first.
pub trait Storage {
    /// Opens the metadata store.
    fn meta(&self) -> Box<dyn MetaStore>;
    /// Opens the blob store.
    fn blobs(&self) -> Arc<dyn BlobStore>;
}

/// Storage in memory.
#[derive(Debug, Clone, Default)]
pub struct MemoryStorage {
    /// The metadata.
    pub meta: MemoryMeta,
    /// The objects.
    pub blobs: MemoryBlobs,
}

impl MemoryStorage {
    /// Creates empty storage.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Storage for MemoryStorage {
    fn meta(&self) -> Box<dyn MetaStore> {
        Box::new(self.meta.clone())
    }

    fn blobs(&self) -> Arc<dyn BlobStore> {
        Arc::new(self.blobs.clone())
    }
}

/// Metadata over SQL, with objects in memory.
pub struct SqlStorage<F> {
    open: F,
    blobs: MemoryBlobs,
}

impl<F> SqlStorage<F> {
    /// Takes how to connect to the one database.
    pub fn new(open: F) -> Self {
        let blobs = MemoryBlobs::new();
        Self { open, blobs }
    }
}

impl<F> fmt::Debug for SqlStorage<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlStorage").finish_non_exhaustive()
    }
}

impl<F, C> Storage for SqlStorage<F>
where
    F: Fn() -> Result<C>,
    C: SqlConn + 'static,
{
    fn meta(&self) -> Box<dyn MetaStore> {
        let meta = (self.open)().and_then(SqlMeta::open);
        Box::new(meta.expect("the test's database opens"))
    }

    fn blobs(&self) -> Arc<dyn BlobStore> {
        Arc::new(self.blobs.clone())
    }
}
