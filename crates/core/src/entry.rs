//! Entries: what stands at a path.

use std::fmt;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::id::{ContentId, TreeId};
use crate::reason::Reason;

/// The longest symlink target, in bytes.
pub const MAX_TARGET: usize = 4096;
/// The longest media type, in bytes.
pub const MAX_MEDIA_TYPE: usize = 255;
/// The longest provenance note, in bytes.
pub const MAX_PROVENANCE: usize = 1024;

/// Milliseconds since 1970-01-01 00:00 UTC; negative before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The latest and, negated, the earliest time: 2^53 − 1 ms, the largest
    /// integer that every store and JavaScript carry exactly.
    pub const MAX_MILLIS: i64 = (1 << 53) - 1;

    /// Wraps milliseconds since the Unix epoch, clamped to ±[`MAX_MILLIS`](Self::MAX_MILLIS).
    pub fn from_millis(millis: i64) -> Self {
        Self(millis.clamp(-Self::MAX_MILLIS, Self::MAX_MILLIS))
    }

    /// Returns milliseconds since the Unix epoch.
    pub fn as_millis(self) -> i64 {
        self.0
    }

    /// Returns this time moved by `millis`, clamped.
    pub fn plus_millis(self, millis: i64) -> Self {
        Self::from_millis(self.0.saturating_add(millis))
    }
}

/// A file, a directory or a symlink at a path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Entry {
    /// A file.
    File(File),
    /// A directory.
    Directory(Directory),
    /// A symlink. It is stored and never followed.
    Symlink(Symlink),
}

/// What kind of entry it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub enum EntryKind {
    /// A file.
    File,
    /// A directory.
    Directory,
    /// A symlink.
    Symlink,
}

impl fmt::Display for EntryKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File => "file",
            Self::Directory => "directory",
            Self::Symlink => "symlink",
        })
    }
}

/// A file: its content by identity, and what the tree keeps about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct File {
    /// The SHA-256 of the bytes. Where they are kept is the store's affair.
    pub content: ContentId,
    /// Size in bytes.
    pub size: u64,
    /// Whether it may be executed; the only mode bit that the tree keeps.
    pub executable: bool,
    /// When it was last modified.
    pub modified: Timestamp,
    /// Its media type, where somebody said so.
    pub media_type: Option<Text<MAX_MEDIA_TYPE>>,
    /// Where it came from, where somebody said so.
    pub provenance: Option<Text<MAX_PROVENANCE>>,
}

/// A directory. It has no attributes of its own: no time, no mode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Directory {
    /// The identity of everything below.
    pub tree: TreeId,
    /// The totals of everything below.
    pub summary: Summary,
}

impl Directory {
    /// Returns the directory without entries.
    pub(crate) fn empty() -> Self {
        Self {
            tree: TreeId::empty(),
            summary: Summary::default(),
        }
    }
}

/// A symlink.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Symlink {
    /// Where it points: 1 to 4,096 bytes of UTF-8 without NUL, otherwise free.
    pub target: Text<MAX_TARGET>,
    /// When it was last modified.
    pub modified: Timestamp,
}

/// Totals over everything below a directory, kept in the tree itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Summary {
    /// Files and symlinks.
    pub files: u64,
    /// Directories, without the one itself.
    pub directories: u64,
    /// The sizes of all files, in bytes.
    pub bytes: u64,
    /// The longest path below, as seen from the directory, in bytes; 0 where it
    /// is empty. Keeps a move from making a path too long without a walk.
    pub longest: u64,
}

impl Summary {
    /// Returns what an entry adds to the totals of its directory.
    pub(crate) fn of(name: &str, entry: &Entry) -> Self {
        let mut summary = match entry {
            Entry::File(file) => Self {
                files: 1,
                bytes: file.size,
                ..Self::default()
            },
            Entry::Symlink(_) => Self {
                files: 1,
                ..Self::default()
            },
            Entry::Directory(directory) => {
                let below = directory.summary;
                Self {
                    directories: below.directories.saturating_add(1),
                    ..below
                }
            }
        };
        summary.longest = summary.longest.saturating_add(name.len() as u64 + 1);
        summary
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.files = self.files.saturating_add(other.files);
        self.directories = self.directories.saturating_add(other.directories);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.longest = self.longest.max(other.longest);
    }

    /// Returns files, symlinks and directories together.
    pub fn entries(&self) -> u64 {
        self.files.saturating_add(self.directories)
    }
}

impl Entry {
    /// Returns what kind of entry it is.
    pub fn kind(&self) -> EntryKind {
        match self {
            Self::File(_) => EntryKind::File,
            Self::Directory(_) => EntryKind::Directory,
            Self::Symlink(_) => EntryKind::Symlink,
        }
    }

    /// Returns the file, or `None` for another kind.
    pub fn as_file(&self) -> Option<&File> {
        match self {
            Self::File(file) => Some(file),
            _ => None,
        }
    }

    /// Returns the directory, or `None` for another kind.
    pub fn as_directory(&self) -> Option<&Directory> {
        match self {
            Self::Directory(directory) => Some(directory),
            _ => None,
        }
    }

    /// Returns when it was modified; `None` for a directory.
    pub fn modified(&self) -> Option<Timestamp> {
        match self {
            Self::File(file) => Some(file.modified),
            Self::Symlink(symlink) => Some(symlink.modified),
            Self::Directory(_) => None,
        }
    }

    /// Returns the size in bytes: of a file's content, of a symlink's target,
    /// or of all files below a directory.
    pub fn size(&self) -> u64 {
        match self {
            Self::File(file) => file.size,
            Self::Symlink(symlink) => symlink.target.as_str().len() as u64,
            Self::Directory(directory) => directory.summary.bytes,
        }
    }

    /// Returns what it says beside its name and bytes, in bytes: a symlink's target, a
    /// file's media type and provenance.
    pub(crate) fn texts(&self) -> u64 {
        let texts = match self {
            Self::File(file) => {
                let media_type = file.media_type.as_ref().map_or(0, |text| text.0.len());
                media_type + file.provenance.as_ref().map_or(0, |text| text.0.len())
            }
            Self::Symlink(symlink) => symlink.target.0.len(),
            Self::Directory(_) => 0,
        };
        texts as u64
    }

    /// Tells whether both are the same but for the time: two sides that arrive
    /// at the same file do not conflict, and writing what is there changes nothing.
    pub fn same_but_time(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::File(a), Self::File(b)) => {
                a.content == b.content
                    && a.size == b.size
                    && a.executable == b.executable
                    && a.media_type == b.media_type
                    && a.provenance == b.provenance
            }
            (Self::Symlink(a), Self::Symlink(b)) => a.target == b.target,
            (Self::Directory(a), Self::Directory(b)) => a.tree == b.tree,
            _ => false,
        }
    }
}

/// A bounded text: 1 to `MAX` bytes of UTF-8 without NUL.
///
/// ```
/// use workspace_core::Text;
/// assert!(Text::<8>::new("text/css").is_ok());
/// assert!(Text::<8>::new("").is_err());
/// assert!(Text::<8>::new("text/html").is_err());
/// assert!(Text::<8>::new("a\0b").is_err());
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Text<const MAX: usize>(Arc<str>);

impl<const MAX: usize> Text<MAX> {
    /// Checks and wraps a text.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) where it is empty, too long, or holds a NUL.
    pub fn new(text: &str) -> Result<Self> {
        let why = if text.is_empty() {
            "empty".to_string()
        } else if text.len() > MAX {
            format!("{} bytes, more than {MAX}", text.len())
        } else if text.contains('\0') {
            "NUL byte".to_string()
        } else {
            return Ok(Self(text.into()));
        };
        let start: String = text.chars().take(40).collect();
        Err(Error::invalid(Reason::MalformedText, "parse text")
            .at(start.escape_debug())
            .because(why))
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Reads a media type, as RFC 9110 has it: `type/subtype`, then parameters, each after a
/// `;`. What a file is written as is one; what a file was written as before this was
/// asked may be none.
///
/// ```
/// use workspace_core::media_type;
/// assert!(media_type("text/html; charset=utf-8").is_ok());
/// assert!(media_type("multipart/mixed ; boundary=\"a \\\" b\"").is_ok());
/// for none in ["", "text", "text/*", "text/html\r\nx: y", "text/html; charset", " a/b", "ä/b"] {
///     assert!(media_type(none).is_err(), "{none}");
/// }
/// ```
///
/// # Errors
/// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), saying what is wrong and where, also for more than 255 bytes
/// and for a parameter that comes twice.
pub fn media_type(text: &str) -> Result<Text<MAX_MEDIA_TYPE>> {
    let kept = Text::new(text)?;
    let invalid = |why: String| {
        let start: String = text.chars().take(40).collect();
        Error::invalid(Reason::MalformedMediaType, "read media type")
            .at(start.escape_debug())
            .because(why)
    };
    let trimmed = text.trim_matches([' ', '\t']);
    if trimmed.len() < text.len() {
        return Err(invalid("white space around it".into()));
    }
    match parse_net::parse_media_type(text.as_bytes()) {
        Ok(_) => Ok(kept),
        Err(error) => Err(invalid(format!(
            "not a type/subtype with parameters as in RFC 9110: {error}"
        ))),
    }
}

impl<const MAX: usize> fmt::Display for Text<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<const MAX: usize> fmt::Debug for Text<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}
