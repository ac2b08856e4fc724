//! What is asked for, out of the types of the core.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use workspace_core::{
    ApplyOptions, Author, Change, ChangeOptions, Content, Error, ErrorKind, ForkOptions,
    KeepRevisions, Precondition, Result, RevisionMessage,
};

use crate::wire::{
    ApplyDto, AuthorDto, ChangeDto, ChangesDto, ForkDto, MessageDto, PruneDto, TextOrBase64,
};

impl From<Author> for AuthorDto {
    fn from(author: Author) -> Self {
        Self {
            actor: author.actor,
            note: author.note,
        }
    }
}

impl From<ForkOptions> for ForkDto {
    fn from(options: ForkOptions) -> Self {
        Self {
            name: options.name,
            expires: options.expires.map(Into::into),
        }
    }
}

impl From<RevisionMessage> for MessageDto {
    fn from(message: RevisionMessage) -> Self {
        Self {
            actor: message.actor,
            message: message.message,
            metadata: message.metadata,
        }
    }
}

impl From<ApplyOptions> for ApplyDto {
    fn from(options: ApplyOptions) -> Self {
        Self {
            actor: options.message.actor,
            message: options.message.message,
            metadata: options.message.metadata,
            expect_tree: options.expect_tree.map(|tree| tree.to_string()),
        }
    }
}

impl From<KeepRevisions> for PruneDto {
    fn from(keep: KeepRevisions) -> Self {
        Self {
            newest: keep.newest.into(),
            since: keep.since.map(Into::into),
        }
    }
}

impl ChangesDto {
    /// Describes a batch.
    ///
    /// # Errors
    /// `Unsupported` for a content that was stored ahead: it is in another
    /// workspace.
    pub fn new(changes: Vec<Change>, options: ChangeOptions) -> Result<Self> {
        let changes = changes.into_iter().map(ChangeDto::try_from);
        Ok(Self {
            changes: changes.collect::<Result<_>>()?,
            expect_generation: options.expect_generation.map(Into::into),
            actor: options.author.actor,
            note: options.author.note,
        })
    }
}

impl TryFrom<Change> for ChangeDto {
    type Error = Error;

    fn try_from(change: Change) -> Result<Self> {
        Ok(match change {
            Change::Write {
                path,
                content: Content::Stored(_),
                ..
            } => {
                return Err(Error::new(ErrorKind::Unsupported, "write")
                    .at(path)
                    .because("its content is stored in another workspace"));
            }
            Change::Write {
                path,
                content: Content::Bytes(bytes),
                options,
            } => Self::Write {
                path: path.to_string(),
                content: match String::from_utf8(bytes.into()) {
                    Ok(text) => TextOrBase64::Text(text),
                    Err(bytes) => TextOrBase64::Base64(STANDARD.encode(bytes.as_bytes())),
                },
                create_parents: options.create_parents,
                executable: options.executable,
                modified: options.modified.map(Into::into),
                media_type: options.media_type.map(|text| text.to_string()),
                provenance: options.provenance.map(|text| text.to_string()),
                if_content: match options.precondition {
                    Precondition::Content(content) => Some(content.to_string()),
                    Precondition::None | Precondition::Absent => None,
                },
                if_absent: options.precondition == Precondition::Absent,
            },
            Change::Mkdir { path, parents } => Self::Mkdir {
                path: path.to_string(),
                parents,
            },
            Change::Symlink {
                path,
                target,
                create_parents,
                modified,
            } => Self::Symlink {
                path: path.to_string(),
                target: target.to_string(),
                create_parents,
                modified: modified.map(Into::into),
            },
            Change::Remove { path, recursive } => Self::Remove {
                path: path.to_string(),
                recursive,
            },
            Change::Rename { from, to, replace } => Self::Move {
                from: from.to_string(),
                to: to.to_string(),
                replace,
            },
            Change::Copy { from, to, replace } => Self::Copy {
                from: from.to_string(),
                to: to.to_string(),
                replace,
            },
            Change::SetExecutable { path, executable } => Self::SetExecutable {
                path: path.to_string(),
                executable,
            },
        })
    }
}

/// Says who asks, and what for, in a query; nothing where nobody says.
pub(super) fn author<'a>(author: Author) -> impl Iterator<Item = (&'a str, String)> {
    [("actor", author.actor), ("note", author.note)]
        .into_iter()
        .filter(|(_, text)| !text.is_empty())
}
