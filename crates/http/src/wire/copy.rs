//! Working copies and their operations.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use workspace_core::store::{AppliedAs, CopyRecord, CopyState, OperationCause, OperationRecord};
use workspace_core::{
    Author, Conflicts, Content, Overlap, RebaseOptions, Resolution, Result, Take, TreePath, Undone,
};
use workspace_merge::Merged;

use super::{Count, DifferencePage, EntryDto, HeadDto, Millis, TextOrBase64};
use crate::problem::PathListDto;

/// A working copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CopyDto {
    /// Its identity, in hex.
    pub id: String,
    /// Its name, unique among open copies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether it is open, and how it was closed.
    pub state: CopyStateDto,
    /// The revision that it became, where it was applied to head.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<Count>,
    /// The operation of its parent that it became, where it was applied to a copy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_operation: Option<Count>,
    /// The copy that it is based on and applied to; absent for head.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// The last of the copies above it, whose parent is head; absent where its own is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top: Option<String>,
    /// The version of head, or the generation of its parent, that it is based on.
    pub base_version: Count,
    /// The tree that it is based on.
    pub base: String,
    /// Its files.
    pub tree: String,
    /// Raised by each change; 0 when it is forked.
    pub generation: Count,
    /// Its newest operation; absent before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Count>,
    /// When it was forked.
    pub created: Millis,
    /// When it was last changed or closed.
    pub modified: Millis,
    /// When it expires; absent for never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Millis>,
}

/// Whether a copy is open, and how it was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CopyStateDto {
    /// It can be edited, applied and discarded.
    Open,
    /// It became head, or its parent has its files.
    Applied,
    /// It was thrown away, or has expired.
    Discarded,
}

impl From<&CopyRecord> for CopyDto {
    fn from(copy: &CopyRecord) -> Self {
        let (mut revision, mut parent_operation) = (None, None);
        let state = match copy.state {
            CopyState::Open => CopyStateDto::Open,
            CopyState::Applied(applied) => {
                match applied {
                    AppliedAs::Revision(id) => revision = Some(id.get().into()),
                    AppliedAs::Operation(id) => parent_operation = Some(id.get().into()),
                }
                CopyStateDto::Applied
            }
            CopyState::Discarded => CopyStateDto::Discarded,
        };
        Self {
            id: copy.id.to_string(),
            name: copy.name.clone(),
            state,
            revision,
            parent_operation,
            parent: copy.parent.map(|id| id.to_string()),
            top: copy.top.map(|id| id.to_string()),
            base_version: copy.base_version.into(),
            base: copy.base.to_string(),
            tree: copy.tree.to_string(),
            generation: copy.generation.into(),
            operation: copy.operation.map(|id| id.get().into()),
            created: copy.created.into(),
            modified: copy.modified.into(),
            expires: copy.expires.map(Into::into),
        }
    }
}

/// A page of copies, in the order of forking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CopyPage {
    /// The copies.
    pub copies: Vec<CopyDto>,
    /// What to pass as `after` for the next page; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// How to fork a copy.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ForkDto {
    /// Its name: unique among open copies, 1 to 100 bytes, no control characters, and
    /// not 32 hex digits, which are an id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// When it expires; absent for never. One of a copy that expires does so no later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Millis>,
    /// The name or id of the open copy to fork, which is the parent of the new one;
    /// head where neither this nor a revision is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy: Option<String>,
    /// The revision to fork. The parent of the copy is head.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<Count>,
}

/// A copy's new name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RenameDto {
    /// The name; `null` takes it away.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schema(required = true)]
    pub name: Option<String>,
}

/// How to rebase a copy.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RebaseDto {
    /// Who, in up to 200 bytes.
    #[serde(default)]
    pub actor: String,
    /// What for, in up to 8 KiB.
    #[serde(default)]
    pub note: String,
    /// What is decided for conflicting paths: up to 10,000, no two for one path, and none
    /// below another.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resolutions: Vec<ResolutionDto>,
    /// The generation of the copy that the resolutions were made for; otherwise `stale`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect_generation: Option<Count>,
    /// The version of head, or the generation of the parent, that they were made for;
    /// otherwise `stale`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect_parent_version: Option<Count>,
}

/// What is decided for a conflicting path, or for one above.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResolutionDto {
    /// The path.
    pub path: String,
    /// What is to be there.
    pub take: TakeDto,
}

/// What a resolution takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TakeDto {
    /// What the copy has there, and below it.
    Copy,
    /// What its parent has there, and below it.
    Parent,
    /// What both sides changed in the lines of conflicting files there, and below it: where
    /// they are UTF-8 of up to 1 MiB and 10,000 lines, and the sides did not change the same or neighbouring
    /// lines. Others stay conflicts.
    Merge,
    /// A file with this content.
    Content(TextOrBase64),
}

impl RebaseDto {
    /// Reads it: the options, and the paths at and below which files are merged.
    ///
    /// # Errors
    /// `Invalid` for what is no path, and a content that is no base64.
    pub fn into_core(self) -> Result<(RebaseOptions, Vec<TreePath>)> {
        // Merges among them.
        RebaseOptions::check_count(self.resolutions.len())?;
        let (mut resolutions, mut merge) = (Vec::new(), Vec::new());
        for ResolutionDto { path, take } in self.resolutions {
            let path = TreePath::new(&path)?;
            let take = match take {
                TakeDto::Copy => Take::Copy,
                TakeDto::Parent => Take::Parent,
                TakeDto::Content(content) => {
                    Take::Content(Content::Bytes(content.into_bytes(&path)?))
                }
                TakeDto::Merge => {
                    merge.push(path);
                    continue;
                }
            };
            resolutions.push(Resolution { path, take });
        }
        let options = RebaseOptions::default()
            .author(Author::new(self.actor, self.note))
            .resolutions(resolutions)
            .expect_generation(self.expect_generation.map(Count::get))
            .expect_parent_version(self.expect_parent_version.map(Count::get));
        Ok((options, merge))
    }
}

/// What stands in the way of a rebase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConflictsDto {
    /// The copy.
    pub copy: CopyDto,
    /// The version of head, or the generation of the copy that is its parent.
    pub parent_version: Count,
    /// The first 1,000 conflicting paths, in byte order.
    pub conflicts: Vec<ConflictingDto>,
    /// How many there are.
    pub count: Count,
}

/// A conflicting path, and what is there on each side; absent where nothing is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConflictingDto {
    /// The path.
    pub path: String,
    /// In the tree that the copy is based on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<EntryDto>,
    /// In the copy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy: Option<EntryDto>,
    /// In its parent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<EntryDto>,
}

impl From<&Conflicts> for ConflictsDto {
    fn from(found: &Conflicts) -> Self {
        let conflicts = found.paths.iter().map(|it| ConflictingDto {
            path: it.path.to_string(),
            base: it.base.as_ref().map(EntryDto::from),
            copy: it.copy.as_ref().map(EntryDto::from),
            parent: it.parent.as_ref().map(EntryDto::from),
        });
        Self {
            copy: CopyDto::from(&found.copy),
            parent_version: found.parent_version.into(),
            conflicts: conflicts.collect(),
            count: found.count.into(),
        }
    }
}

/// Copies to compare with one another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OverlapOfDto {
    /// Their names or ids, up to 100.
    pub copies: Vec<String>,
}

/// Where copies meet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OverlapsDto {
    /// The pairs that meet.
    pub overlaps: Vec<OverlapDto>,
}

/// The paths at which two copies would conflict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OverlapDto {
    /// The id of the copy that was named first.
    pub one: String,
    /// The id of the other.
    pub other: String,
    /// Where.
    pub paths: PathListDto,
}

impl From<&Overlap> for OverlapDto {
    fn from(found: &Overlap) -> Self {
        Self {
            one: found.one.to_string(),
            other: found.other.to_string(),
            paths: PathListDto::from(&found.paths),
        }
    }
}

/// What a rebase led to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RebasedDto {
    /// The copy after it.
    pub copy: CopyDto,
    /// The operation that brought the parent's changes in; absent where the copy's
    /// files stay as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Count>,
    /// The files that were merged by lines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub merged: Vec<String>,
}

impl From<Merged> for RebasedDto {
    fn from(Merged { rebased, merged }: Merged) -> Self {
        Self {
            copy: CopyDto::from(&rebased.copy),
            operation: rebased.operation.map(|id| id.get().into()),
            merged: merged.iter().map(ToString::to_string).collect(),
        }
    }
}

/// Which operation to undo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UndoDto {
    /// Its number.
    pub operation: Count,
    /// Who, in up to 200 bytes.
    #[serde(default)]
    pub actor: String,
    /// What for, in up to 8 KiB.
    #[serde(default)]
    pub note: String,
}

/// What undoing led to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UndoneDto {
    /// The copy's generation after it.
    pub generation: Count,
    /// The operation that undid it; absent where nothing of it was left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Count>,
}

impl From<Undone> for UndoneDto {
    fn from(undone: Undone) -> Self {
        Self {
            generation: undone.generation.into(),
            operation: undone.operation.map(|id| id.get().into()),
        }
    }
}

/// How a copy stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StatusDto {
    /// The copy.
    pub copy: CopyDto,
    /// The present head.
    pub head: HeadDto,
    /// The version of head, or the generation of the copy that is its parent.
    pub parent_version: Count,
    /// Whether the parent's files are no longer those that the copy is based on, so
    /// that an apply would be refused.
    pub parent_moved: bool,
    /// What the copy changed; the first page, as of `GET /v1/diff`.
    pub changes: DifferencePage,
}

/// One batch of changes to a copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OperationDto {
    /// Its number within the copy.
    pub id: Count,
    /// What made it.
    pub cause: OperationCauseDto,
    /// Who made it; empty where nobody said.
    pub actor: String,
    /// What it is for; empty where nobody said.
    pub note: String,
    /// When it was made.
    pub at: Millis,
    /// The copy's files before it.
    pub before: String,
    /// The copy's files after it.
    pub after: String,
}

/// What made an operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum OperationCauseDto {
    /// A batch of changes.
    Edit,
    /// A tree import.
    Import,
    /// A rebase.
    Rebase {
        /// The version of head, or the generation of its parent, that it was onto.
        version: Count,
    },
    /// The undoing of an operation.
    Undo {
        /// Its number.
        operation: Count,
    },
    /// A copy, whose parent it is, was applied.
    Apply {
        /// Its id.
        copy: String,
    },
}

impl From<&OperationRecord> for OperationDto {
    fn from(operation: &OperationRecord) -> Self {
        Self {
            id: operation.id.get().into(),
            cause: match operation.cause {
                OperationCause::Edit => OperationCauseDto::Edit,
                OperationCause::Import => OperationCauseDto::Import,
                OperationCause::Rebase(version) => OperationCauseDto::Rebase {
                    version: version.into(),
                },
                OperationCause::Undo(id) => OperationCauseDto::Undo {
                    operation: id.get().into(),
                },
                OperationCause::Apply(copy) => OperationCauseDto::Apply {
                    copy: copy.to_string(),
                },
            },
            actor: operation.actor.clone(),
            note: operation.note.clone(),
            at: operation.at.into(),
            before: operation.before.to_string(),
            after: operation.after.to_string(),
        }
    }
}

/// A page of operations, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OperationPage {
    /// The operations.
    pub operations: Vec<OperationDto>,
    /// What to pass as `after` for the next page; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Count>,
}
