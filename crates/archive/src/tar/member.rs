//! A member of a tar archive, as it is read.

use workspace_core::{
    Error, MAX_MEDIA_TYPE, MAX_PROVENANCE, MAX_TARGET, Result, SourceEntry, SourceKind, Text,
    Timestamp, TreePath,
};

use crate::invalid;
use crate::names::{link_target, member_path};

/// A member of a tar archive whose name and target are bytes, whatever they say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawMember {
    /// What it is called, as the archive has it.
    pub name: Vec<u8>,
    /// What it is.
    pub kind: RawKind,
}

/// What a [`RawMember`] is: as [`MemberKind`], but for targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RawKind {
    /// A file, of which the bytes follow.
    File {
        /// Its size in bytes, holes included.
        size: u64,
        /// Whether it has holes.
        sparse: bool,
        /// Whether it may be executed.
        executable: bool,
        /// When it was last modified; `None` where the archive says that nobody knows.
        modified: Option<Timestamp>,
        /// Its media type, where the archive has one.
        media_type: Option<Text<MAX_MEDIA_TYPE>>,
        /// Where it came from, where the archive says so.
        provenance: Option<Text<MAX_PROVENANCE>>,
    },
    /// A directory.
    Directory,
    /// A symlink.
    Symlink {
        /// Where it points.
        target: Vec<u8>,
        /// When it was last modified; `None` where the archive says that nobody knows.
        modified: Option<Timestamp>,
    },
    /// Another name for a member that came before.
    HardLink {
        /// What that member is called.
        target: Vec<u8>,
    },
    /// A device, FIFO or socket.
    Special,
}

impl TryFrom<RawMember> for Member {
    type Error = Error;

    /// Checks what a member is called, and where a link points.
    ///
    /// # Errors
    /// `Invalid` for what a tree cannot hold.
    fn try_from(raw: RawMember) -> Result<Self> {
        let path = member_path(&raw.name)?;
        let kind = match raw.kind {
            RawKind::File {
                size,
                sparse,
                executable,
                modified,
                media_type,
                provenance,
            } => MemberKind::File {
                size,
                sparse,
                executable,
                modified,
                media_type,
                provenance,
            },
            RawKind::Directory => MemberKind::Directory,
            RawKind::Symlink { target, modified } => MemberKind::Symlink {
                target: link_target(&path, &target)?,
                modified,
            },
            RawKind::HardLink { target } => MemberKind::HardLink {
                target: member_path(&target)?,
            },
            RawKind::Special => MemberKind::Special,
        };
        Ok(Self { path, kind })
    }
}

/// A member of a tar archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Where it is below the archive.
    pub path: TreePath,
    /// What it is.
    pub kind: MemberKind,
}

/// What a member of a tar archive is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberKind {
    /// A file, of which the bytes follow.
    File {
        /// Its size in bytes, holes included.
        size: u64,
        /// Whether it has holes, which come as zeros and may be far longer than the
        /// archive.
        sparse: bool,
        /// Whether it may be executed.
        executable: bool,
        /// When it was last modified; `None` where the archive says that nobody knows.
        modified: Option<Timestamp>,
        /// Its media type, where the archive has one.
        media_type: Option<Text<MAX_MEDIA_TYPE>>,
        /// Where it came from, where the archive says so.
        provenance: Option<Text<MAX_PROVENANCE>>,
    },
    /// A directory.
    Directory,
    /// A symlink.
    Symlink {
        /// Where it points.
        target: Text<MAX_TARGET>,
        /// When it was last modified; `None` where the archive says that nobody knows.
        modified: Option<Timestamp>,
    },
    /// Another name for a member that came before.
    HardLink {
        /// The path of that member.
        target: TreePath,
    },
    /// A device, FIFO or socket.
    Special,
}

impl TryFrom<Member> for SourceEntry {
    type Error = Error;

    /// Takes a member for an entry.
    ///
    /// # Errors
    /// `Invalid` for a hard link, a device, a FIFO and a socket.
    fn try_from(member: Member) -> Result<Self> {
        let path = member.path;
        let kind = match member.kind {
            MemberKind::File {
                size,
                executable,
                modified,
                media_type,
                provenance,
                ..
            } => SourceKind::File {
                size: Some(size),
                executable,
                modified,
                media_type,
                provenance,
            },
            MemberKind::Directory => SourceKind::Directory,
            MemberKind::Symlink { target, modified } => SourceKind::Symlink { target, modified },
            MemberKind::HardLink { .. } => {
                let why =
                    "a hard link; read the archive from a file, or pack with --hard-dereference";
                return Err(invalid(path, why));
            }
            MemberKind::Special => {
                return Err(invalid(path, "a device, FIFO or socket cannot be imported"));
            }
        };
        Ok(Self { path, kind })
    }
}
