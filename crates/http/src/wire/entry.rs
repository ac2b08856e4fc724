//! Entries and differences.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use workspace_core::{Difference, Entry};

use super::{Count, Millis};

/// A file, a directory or a symlink.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EntryDto {
    /// A file.
    File {
        /// The SHA-256 of its bytes, in hex: in quotes, what `If-Match` takes.
        content: String,
        /// Size in bytes.
        size: Count,
        /// Whether it may be executed.
        executable: bool,
        /// When it was last modified.
        modified: Millis,
        /// Its media type, where somebody said so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        media_type: Option<String>,
        /// Where it came from, where somebody said so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        provenance: Option<String>,
    },
    /// A directory, with the totals of everything below.
    Directory {
        /// The identity of everything below, in hex.
        tree: String,
        /// Files and symlinks.
        files: Count,
        /// Directories, without the one itself.
        directories: Count,
        /// The sizes of all files, in bytes.
        bytes: Count,
        /// The longest path below, as seen from the directory, in bytes.
        longest: Count,
    },
    /// A symlink. It is stored and never followed.
    Symlink {
        /// Where it points.
        target: String,
        /// When it was last modified.
        modified: Millis,
    },
}

impl From<&Entry> for EntryDto {
    fn from(entry: &Entry) -> Self {
        match entry {
            Entry::File(file) => Self::File {
                content: file.content.to_string(),
                size: file.size.into(),
                executable: file.executable,
                modified: file.modified.into(),
                media_type: file.media_type.as_ref().map(ToString::to_string),
                provenance: file.provenance.as_ref().map(ToString::to_string),
            },
            Entry::Directory(directory) => Self::Directory {
                tree: directory.tree.to_string(),
                files: directory.summary.files.into(),
                directories: directory.summary.directories.into(),
                bytes: directory.summary.bytes.into(),
                longest: directory.summary.longest.into(),
            },
            Entry::Symlink(symlink) => Self::Symlink {
                target: symlink.target.to_string(),
                modified: symlink.modified.into(),
            },
        }
    }
}

/// An entry at a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlacedDto {
    /// Where it is.
    pub path: String,
    /// What it is.
    pub entry: EntryDto,
}

/// An entry in its directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ListedDto {
    /// Its name.
    pub name: String,
    /// What it is.
    pub entry: EntryDto,
}

/// A page of a directory, in byte order of the names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EntryPage {
    /// The entries.
    pub entries: Vec<ListedDto>,
    /// What to pass as `after` for the next page; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A page of a walk, a directory before its entries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WalkPage {
    /// The entries.
    pub entries: Vec<PlacedDto>,
    /// What to pass as `after` for the next page; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A path at which two trees differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DifferenceDto {
    /// Where; for a rename, where it went.
    pub path: String,
    /// Where it came from, for a rename.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renamed_from: Option<String>,
    /// What was there, or at the place that it came from; absent for what is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<EntryDto>,
    /// What is there; absent for what is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<EntryDto>,
}

impl From<&Difference> for DifferenceDto {
    fn from(difference: &Difference) -> Self {
        Self {
            path: difference.path.to_string(),
            renamed_from: difference.renamed_from.as_ref().map(ToString::to_string),
            old: difference.old.as_ref().map(EntryDto::from),
            new: difference.new.as_ref().map(EntryDto::from),
        }
    }
}

/// A page of what two trees differ in, in byte order of the paths.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DifferencePage {
    /// The differences.
    pub differences: Vec<DifferenceDto>,
    /// How many there are on all pages; absent where no renames are looked for, as
    /// each page is then found on its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<Count>,
    /// What to pass as `after` for the next page; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}
