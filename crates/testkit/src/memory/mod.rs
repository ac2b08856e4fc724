//! Stores in memory.

mod blobs;
mod meta;
mod rows;
mod rules;
mod table;

pub use blobs::MemoryBlobs;
pub use meta::MemoryMeta;
