//! Packs: many objects in one stream, some as differences from others.

mod delta;
mod reader;
mod single;
mod writer;

pub use reader::{PackLimits, PackObject, PackReader};
pub use single::SingleObject;
pub use writer::PackWriter;

use super::id::ObjectKind;
use crate::error::Result;

/// What the bytes of a pack go into.
pub trait PackSink {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// `Altered` for what is no pack, and `LimitExceeded`.
    fn take(&mut self, bytes: &[u8]) -> Result<()>;

    /// Tells that all of it came.
    ///
    /// # Errors
    /// `Truncated`, and `Altered`.
    fn complete(&self) -> Result<()>;
}

/// How a pack begins: its mark and its version.
const MAGIC: &[u8; 8] = b"PACK\0\0\0\x02";

const fn kind_of(number: u8) -> Option<ObjectKind> {
    match number {
        1 => Some(ObjectKind::Commit),
        2 => Some(ObjectKind::Tree),
        3 => Some(ObjectKind::Blob),
        4 => Some(ObjectKind::Tag),
        _ => None,
    }
}

const fn number_of(kind: ObjectKind) -> u8 {
    match kind {
        ObjectKind::Commit => 1,
        ObjectKind::Tree => 2,
        ObjectKind::Blob => 3,
        ObjectKind::Tag => 4,
    }
}
