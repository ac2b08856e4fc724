//! Tar archives as they stream in and out.

mod header;
mod input;
mod member;
mod number;
mod pack;
mod read;
mod records;
mod source;
mod sparse;
mod write;

pub(crate) use header::is_header;
pub use member::{Member, MemberKind, RawKind, RawMember};
pub use pack::pack;
pub use read::TarReader;
pub use source::TarSource;
pub use write::{end_mark, tar_header, tar_stream};

/// The media type of a tar archive.
pub const TAR: &str = "application/x-tar";

/// Tar archives come in blocks of this many bytes.
pub const BLOCK: u64 = 512;

/// What POSIX archives have no words for, as extended attributes of an entry.
const MODIFIED: &str = "WORKSPACE.modified";
const MEDIA_TYPE: &str = "WORKSPACE.media_type";
const PROVENANCE: &str = "WORKSPACE.provenance";

/// Returns how many bytes fill up the last block after `size` bytes.
pub fn padding(size: u64) -> u64 {
    (BLOCK - size % BLOCK) % BLOCK
}

#[cfg(test)]
mod tests;
