//! Archives, as sources of imports and as what becomes of an export.
//!
//! - [`TarReader`]: the members of a tar archive as it streams in, [`RawMember`] by names
//!   that are bytes; [`TarSource`], the same as the source of an import.
//! - [`tar_stream`], [`tar_header`], [`pack`]: exports and sources as tar archives.
//! - [`Format`]: what a file is, by how it begins; [`ArchiveKind`], by its name.
//! - [`member_path`], [`link_target`]: what members of any archive may be called.
//! - [`Owner`], [`Repositories`]: what git, or this program, takes for its own;
//!   [`Sieve`], [`Sifted`]: what an import takes, and counts.
//!
//! Nothing here reads or writes by itself: the command brings files, the server
//! bodies, and both read archives by the same rules. What an archive holds is not
//! trusted: what a tree cannot hold is refused by name, and what other readers
//! understand in different ways is refused rather than guessed.

mod folding;
mod format;
mod git;
mod names;
mod sieve;
mod tar;

pub use format::{ArchiveKind, Format};
pub use git::{Repositories, RepositoryParts};
pub use names::{link_target, member_path};
pub use sieve::{Owner, REPLACED, STAGED, Sieve, Sifted};
pub use tar::{
    BLOCK, Member, MemberKind, RawKind, RawMember, TAR, TarReader, TarSource, end_mark, pack,
    padding, tar_header, tar_stream,
};

use workspace_core::{Error, Reason};

/// The archive holds what must not be imported.
fn invalid(subject: impl std::fmt::Display, why: &str) -> Error {
    Error::invalid(Reason::UnfitEntry, "read source")
        .at(subject)
        .because(why)
}
