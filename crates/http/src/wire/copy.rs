//! Working copies and their operations.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use workspace_core::store::{AppliedAs, CopyRecord, CopyState, OperationCause, OperationRecord};
use workspace_core::{Author, Rebased, Undone};

use super::{Count, DifferencePage, HeadDto, Millis};

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

/// Who does something, and what for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AuthorDto {
    /// Who, in up to 200 bytes.
    #[serde(default)]
    pub actor: String,
    /// What for, in up to 8 KiB.
    #[serde(default)]
    pub note: String,
}

impl From<AuthorDto> for Author {
    fn from(author: AuthorDto) -> Self {
        Self::new(author.actor, author.note)
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
}

impl From<Rebased> for RebasedDto {
    fn from(rebased: Rebased) -> Self {
        Self {
            copy: CopyDto::from(&rebased.copy),
            operation: rebased.operation.map(|id| id.get().into()),
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
