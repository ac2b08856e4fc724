//! What is asked for, out of the types of the core.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use workspace_core::{
    ApplyOptions, At, Author, Change, ChangeOptions, Content, Error, ErrorKind, ForkOptions,
    KeepRevisions, Precondition, Reason, RebaseOptions, Resolution, Result, RevisionMessage, Take,
    TreePath,
};

use crate::wire::{
    ApplyDto, ChangeDto, ChangesDto, ForkDto, MessageDto, PruneDto, RebaseDto, ResolutionDto,
    TakeDto, TextOrBase64,
};

impl RebaseDto {
    /// Describes a rebase that merges files at and below the paths `merge`.
    ///
    /// # Errors
    /// `Unsupported` for a content that was stored ahead: it is in another workspace.
    pub fn new(options: RebaseOptions, merge: &[TreePath]) -> Result<Self> {
        let mut resolutions = Vec::with_capacity(options.resolutions.len() + merge.len());
        for Resolution { path, take } in options.resolutions {
            let take = match take {
                Take::Copy => TakeDto::Copy,
                Take::Parent => TakeDto::Parent,
                Take::Content(content) => TakeDto::Content(told(&path, content)?),
                _ => {
                    return Err(Error::new(ErrorKind::Unsupported, "rebase")
                        .at(path)
                        .because("this release has no word for it"));
                }
            };
            resolutions.push(ResolutionDto {
                path: path.to_string(),
                take,
            });
        }
        resolutions.extend(merge.iter().map(|path| ResolutionDto {
            path: path.to_string(),
            take: TakeDto::Merge,
        }));
        Ok(Self {
            actor: options.author.actor,
            note: options.author.note,
            resolutions,
            expect_generation: options.expect_generation.map(Into::into),
            expect_parent_version: options.expect_parent_version.map(Into::into),
        })
    }
}

/// Describes a content.
fn told(path: &TreePath, content: Content) -> Result<TextOrBase64> {
    match content {
        Content::Stored(_) => Err(Error::new(ErrorKind::Unsupported, "write")
            .at(path)
            .because("its content is stored in another workspace")),
        Content::Bytes(bytes) => Ok(match String::from_utf8(bytes.into()) {
            Ok(text) => TextOrBase64::Text(text),
            Err(bytes) => TextOrBase64::Base64(STANDARD.encode(bytes.as_bytes())),
        }),
    }
}

impl TryFrom<ForkOptions> for ForkDto {
    type Error = Error;

    fn try_from(options: ForkOptions) -> Result<Self> {
        let (copy, revision) = match options.of {
            At::Head => (None, None),
            At::Copy(id) => (Some(id.to_string()), None),
            At::Revision(id) => (None, Some(id.get().into())),
            At::Tree(_) => {
                return Err(Error::invalid(Reason::MalformedArgument, "fork")
                    .at(options.of)
                    .because("head, a revision or a copy can be forked"));
            }
        };
        Ok(Self {
            name: options.name,
            expires: options.expires.map(Into::into),
            copy,
            revision,
        })
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
            expect_parent: options.expect_parent.map(|parent| match parent {
                At::Copy(id) => id.to_string(),
                // What can be no parent is refused there as here.
                other => other.to_string(),
            }),
            only: options.only.iter().map(ToString::to_string).collect(),
            rebase: options.rebase,
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
                content,
                options,
            } => Self::Write {
                content: told(&path, content)?,
                path: path.to_string(),
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
