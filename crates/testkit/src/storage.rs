//! Storage that outlives the workspaces on it.

use std::sync::Arc;

use workspace_core::store::{BlobStore, MetaStore};

use crate::memory::{MemoryBlobs, MemoryMeta};

/// The stores of one workspace, which can be opened again and again, as after a
/// crash. One handle is in use at a time.
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
