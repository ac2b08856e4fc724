//! What the storage traits promise, asserted.
//!
//! Each function takes a store, asserts one topic, and panics where the store
//! breaks the promise. None needs a runtime. They may run one after another over
//! one store; nobody else may use it meanwhile.

pub mod blobs;
pub mod meta;
