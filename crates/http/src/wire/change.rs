//! Batches of changes, and what a write or an import led to.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use workspace_core::{
    Author, Change, ChangeOptions, Content, Error, Imported, Precondition, Reason, Result, Text,
    TreePath, WriteOptions, media_type,
};

use super::{Count, EntryDto, Millis};

/// The most bytes of a JSON body. Larger contents are put as files or imported.
pub const MAX_JSON: usize = 8 << 20;

/// A batch of changes: all or nothing, and one operation of a copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangesDto {
    /// The changes, in order; each sees what those before it did.
    pub changes: Vec<ChangeDto>,
    /// The copy's generation, or head's version, that the caller has seen;
    /// otherwise `stale`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect_generation: Option<Count>,
    /// Who makes them, in up to 200 bytes; not heeded from the holder of a grant.
    #[serde(default)]
    pub actor: String,
    /// What for, in up to 8 KiB.
    #[serde(default)]
    pub note: String,
}

impl ChangesDto {
    /// Reads the changes.
    ///
    /// # Errors
    /// `Invalid`, naming the path that is none, or what is wrong with a content.
    pub fn into_core(self) -> Result<(Vec<Change>, ChangeOptions)> {
        let options = ChangeOptions::default()
            .author(Author::new(self.actor, self.note))
            .expect_generation(self.expect_generation.map(Count::get));
        let changes = self.changes.into_iter().map(ChangeDto::into_core);
        Ok((changes.collect::<Result<_>>()?, options))
    }
}

/// One change to a tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub enum ChangeDto {
    /// Puts a file, in place of a file or symlink that is there.
    Write {
        /// Where.
        path: String,
        /// Its bytes.
        content: TextOrBase64,
        /// Makes the directories that are missing above.
        #[serde(default)]
        create_parents: bool,
        /// Whether it may be executed; absent keeps what a file there has.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        executable: Option<bool>,
        /// When it was modified; absent for now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        modified: Option<Millis>,
        /// Its media type; absent keeps what a file there has.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        media_type: Option<String>,
        /// Where it came from; absent keeps it only with the content.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        provenance: Option<String>,
        /// The content id that a file there must have.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        if_content: Option<String>,
        /// Whether nothing may be there yet.
        #[serde(default)]
        if_absent: bool,
    },
    /// Makes a directory.
    Mkdir {
        /// Where.
        path: String,
        /// Also makes what is missing above, and is content with a directory
        /// that is there.
        #[serde(default)]
        parents: bool,
    },
    /// Puts a symlink, in place of a file or symlink that is there.
    Symlink {
        /// Where.
        path: String,
        /// Where it points, which need not be anywhere.
        target: String,
        /// Makes the directories that are missing above.
        #[serde(default)]
        create_parents: bool,
        /// When it was modified; absent for now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        modified: Option<Millis>,
    },
    /// Removes an entry.
    Remove {
        /// Which.
        path: String,
        /// Whether a directory goes with all that is in it.
        #[serde(default)]
        recursive: bool,
    },
    /// Moves an entry; a directory goes in one piece.
    Move {
        /// From where.
        from: String,
        /// To where; the parent must be there.
        to: String,
        /// Whether a file, symlink or empty directory at `to` gives way.
        #[serde(default)]
        replace: bool,
    },
    /// Copies an entry; a directory is shared, whatever its size.
    Copy {
        /// From where.
        from: String,
        /// To where; the parent must be there.
        to: String,
        /// Whether a file, symlink or empty directory at `to` gives way.
        #[serde(default)]
        replace: bool,
    },
    /// Sets whether a file may be executed.
    SetExecutable {
        /// Which.
        path: String,
        /// Whether.
        executable: bool,
    },
}

/// The bytes of a small file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TextOrBase64 {
    /// As UTF-8 text.
    Text(String),
    /// As base64 with the standard alphabet and padding.
    Base64(String),
}

impl TextOrBase64 {
    /// Returns the bytes.
    ///
    /// # Errors
    /// `Invalid`, at `path`, where it is no base64.
    pub(crate) fn into_bytes(self, path: &TreePath) -> Result<Bytes> {
        match self {
            Self::Text(text) => Ok(text.into()),
            Self::Base64(text) => STANDARD.decode(text).map(Bytes::from).map_err(|error| {
                Error::invalid(Reason::MalformedBody, "write")
                    .at(path)
                    .because(format!("its content is not base64: {error}"))
            }),
        }
    }
}

impl ChangeDto {
    fn into_core(self) -> Result<Change> {
        let at = |path: String| TreePath::new(&path);
        Ok(match self {
            Self::Write {
                path,
                content,
                create_parents,
                executable,
                modified,
                media_type: said,
                provenance,
                if_content,
                if_absent,
            } => {
                let path = at(path)?;
                let precondition = match (if_content, if_absent) {
                    (None, false) => Precondition::None,
                    (None, true) => Precondition::Absent,
                    (Some(content), false) => Precondition::Content(content.parse()?),
                    (Some(_), true) => {
                        return Err(Error::invalid(Reason::Contradiction, "write")
                            .at(path)
                            .because("if_content and if_absent exclude each other"));
                    }
                };
                Change::Write {
                    content: Content::Bytes(content.into_bytes(&path)?),
                    path,
                    options: WriteOptions::default()
                        .create_parents(create_parents)
                        .executable(executable)
                        .modified(modified.map(Into::into))
                        .media_type(said.as_deref().map(media_type).transpose()?)
                        .provenance(provenance.as_deref().map(Text::new).transpose()?)
                        .precondition(precondition),
                }
            }
            Self::Mkdir { path, parents } => Change::Mkdir {
                path: at(path)?,
                parents,
            },
            Self::Symlink {
                path,
                target,
                create_parents,
                modified,
            } => Change::Symlink {
                path: at(path)?,
                target: Text::new(&target)?,
                create_parents,
                modified: modified.map(Into::into),
            },
            Self::Remove { path, recursive } => Change::Remove {
                path: at(path)?,
                recursive,
            },
            Self::Move { from, to, replace } => Change::Rename {
                from: at(from)?,
                to: at(to)?,
                replace,
            },
            Self::Copy { from, to, replace } => Change::Copy {
                from: at(from)?,
                to: at(to)?,
                replace,
            },
            Self::SetExecutable { path, executable } => Change::SetExecutable {
                path: at(path)?,
                executable,
            },
        })
    }
}

/// What a batch of changes led to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangedDto {
    /// The copy's generation, or head's version, after it.
    pub generation: Count,
    /// The files after it; absent for the holder of a grant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tree: Option<String>,
    /// The operation; absent on head, and where nothing changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Count>,
}

/// What putting a file led to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WrittenDto {
    /// Where the file is.
    pub path: String,
    /// The file; absent for who may write it but not read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<EntryDto>,
    /// The change.
    pub changed: ChangedDto,
}

/// What was imported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImportedDto {
    /// Files.
    pub files: Count,
    /// Directories that the source named.
    pub directories: Count,
    /// Symlinks.
    pub symlinks: Count,
    /// Entries that were removed since the source does not have them.
    pub removed: Count,
    /// Entries that were left out, since git takes them for its own directory.
    #[serde(default)]
    pub left_out: Count,
    /// Bytes in all files.
    pub bytes: Count,
    /// The operations that it made of a copy, oldest first: absent where nothing
    /// changed, several where others changed the copy meanwhile.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operations: Vec<Count>,
    /// The revision, for head; absent where nothing changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<Count>,
}

impl ImportedDto {
    /// Makes it of what was imported and how many entries were left out.
    pub fn new(imported: Imported, left_out: u64) -> Self {
        Self {
            files: imported.files.into(),
            directories: imported.directories.into(),
            symlinks: imported.symlinks.into(),
            removed: imported.removed.into(),
            left_out: left_out.into(),
            bytes: imported.bytes.into(),
            operations: (imported.operations.iter())
                .map(|id| id.get().into())
                .collect(),
            revision: imported.revision.map(|id| id.get().into()),
        }
    }
}
