//! Working copies and their operations.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use workspace_core::store::{CopyRecord, CopyState, OperationCause, OperationRecord};
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
    /// The revision that it became, where it was applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<Count>,
    /// The version of head that it is based on.
    pub base_version: Count,
    /// The tree of head that it is based on.
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
    /// It became head.
    Applied,
    /// It was thrown away, or has expired.
    Discarded,
}

impl From<&CopyRecord> for CopyDto {
    fn from(copy: &CopyRecord) -> Self {
        let (state, revision) = match copy.state {
            CopyState::Open => (CopyStateDto::Open, None),
            CopyState::Applied(revision) => (CopyStateDto::Applied, Some(revision.get().into())),
            CopyState::Discarded => (CopyStateDto::Discarded, None),
        };
        Self {
            id: copy.id.to_string(),
            name: copy.name.clone(),
            state,
            revision,
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
    /// When it expires; absent for never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Millis>,
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
    /// The operation that brought head's changes in; absent where the copy's
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
    /// Whether head's files are no longer those that the copy is based on, so
    /// that an apply would be refused.
    pub head_moved: bool,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum OperationCauseDto {
    /// A batch of changes.
    Edit,
    /// A tree import.
    Import,
    /// A rebase.
    Rebase {
        /// The version of head that it was onto.
        version: Count,
    },
    /// The undoing of an operation.
    Undo {
        /// Its number.
        operation: Count,
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
