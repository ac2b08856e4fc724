//! Stores that fail when they are told to.

mod blobs;
mod meta;
mod plan;

pub use blobs::FaultyBlobs;
pub use meta::FaultyMeta;
pub use plan::FaultPlan;
