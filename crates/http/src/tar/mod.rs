//! Tar archives as they stream in and out.

mod pack;
mod read;
mod write;

pub(crate) use pack::pack;
pub(crate) use read::TarSource;
pub(crate) use write::tar_stream;

/// The media type of a tar archive.
pub(crate) const TAR: &str = "application/x-tar";

/// What POSIX archives have no words for, as extended attributes of an entry.
const MODIFIED: &str = "WORKSPACE.modified";
const MEDIA_TYPE: &str = "WORKSPACE.media_type";
const PROVENANCE: &str = "WORKSPACE.provenance";

/// Tar archives come in blocks of this many bytes.
const BLOCK: u64 = 512;

/// Returns how many bytes fill up the last block after `size` bytes.
fn padding(size: u64) -> u64 {
    (BLOCK - size % BLOCK) % BLOCK
}

#[cfg(test)]
mod tests;
