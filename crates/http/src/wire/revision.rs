//! Head, revisions, and what makes them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use workspace_core::store::{HeadRecord, RevisionCause, RevisionRecord};
use workspace_core::{Applied, Recorded, RevisionMessage};

use super::{Count, Millis};

/// The current files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HeadDto {
    /// Raised by each write to head; 0 when the workspace is created.
    pub version: Count,
    /// The files.
    pub tree: String,
    /// The newest revision; absent before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<Count>,
    /// The tree of the newest revision; where it differs from `tree`, head holds
    /// writes that no revision records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded: Option<String>,
    /// When head last moved.
    pub modified: Millis,
}

impl From<&HeadRecord> for HeadDto {
    fn from(head: &HeadRecord) -> Self {
        Self {
            version: head.version.into(),
            tree: head.tree.to_string(),
            revision: head.revision.map(|id| id.get().into()),
            recorded: head.recorded.map(|tree| tree.to_string()),
            modified: head.modified.into(),
        }
    }
}

/// An immutable recovery point of head.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RevisionDto {
    /// Its number.
    pub id: Count,
    /// The revision before it; absent for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Count>,
    /// The files.
    pub tree: String,
    /// The version of head that it recorded.
    pub version: Count,
    /// What recorded it.
    pub cause: RevisionCauseDto,
    /// Who did; empty where nobody said.
    pub actor: String,
    /// What for; empty where nobody said.
    pub message: String,
    /// When.
    pub at: Millis,
    /// Whatever was kept with it.
    pub metadata: BTreeMap<String, String>,
}

/// What recorded a revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RevisionCauseDto {
    /// A copy was applied.
    Apply {
        /// Its id.
        copy: String,
    },
    /// A part of what a copy changed was applied.
    ApplyInPart {
        /// Its id.
        copy: String,
    },
    /// Head was recorded as it was.
    Snapshot,
    /// A revision's files were made head again.
    Restore {
        /// Its number.
        revision: Count,
    },
}

impl From<&RevisionRecord> for RevisionDto {
    fn from(revision: &RevisionRecord) -> Self {
        Self {
            id: revision.id.get().into(),
            parent: revision.parent.map(|id| id.get().into()),
            tree: revision.tree.to_string(),
            version: revision.version.into(),
            cause: match revision.cause {
                RevisionCause::Apply(copy) => RevisionCauseDto::Apply {
                    copy: copy.to_string(),
                },
                RevisionCause::ApplyInPart(copy) => RevisionCauseDto::ApplyInPart {
                    copy: copy.to_string(),
                },
                RevisionCause::Snapshot => RevisionCauseDto::Snapshot,
                RevisionCause::Restore(id) => RevisionCauseDto::Restore {
                    revision: id.get().into(),
                },
            },
            actor: revision.actor.clone(),
            message: revision.message.clone(),
            at: revision.at.into(),
            metadata: revision.metadata.clone(),
        }
    }
}

/// A page of revisions, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RevisionPage {
    /// The revisions.
    pub revisions: Vec<RevisionDto>,
    /// What to pass as `before` for the next page; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Count>,
}

/// What goes into a revision with its tree.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MessageDto {
    /// Who, in up to 200 bytes.
    #[serde(default)]
    pub actor: String,
    /// What for, in up to 8 KiB.
    #[serde(default)]
    pub message: String,
    /// Whatever else to keep, in up to 64 KiB.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
}

impl From<MessageDto> for RevisionMessage {
    fn from(message: MessageDto) -> Self {
        Self::default()
            .actor(message.actor)
            .message(message.message)
            .metadata(message.metadata)
    }
}

/// How to apply a copy.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApplyDto {
    /// Who, in up to 200 bytes.
    #[serde(default)]
    pub actor: String,
    /// What for, in up to 8 KiB.
    #[serde(default)]
    pub message: String,
    /// Whatever else to keep, in up to 64 KiB.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
    /// The tree that was reviewed; where the copy has another one by now, the
    /// apply fails with `stale`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect_tree: Option<String>,
    /// The parent that the copy had then, `head` or the id of a copy; where it has another
    /// one by now, since that copy was applied, the apply fails with `stale`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect_parent: Option<String>,
    /// Which of the copy's changes: those at paths that one of up to 100 globs matches, and
    /// the directories above them; all where there are none. The rest stays in the copy,
    /// which is based on what its parent is then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<String>,
    /// Whether the copy is rebased first where its parent is not what it is based on, in the
    /// same transaction.
    #[serde(default)]
    pub rebase: bool,
}

/// Copies to apply together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApplyAllDto {
    /// The copies, up to 100 of one parent, in the order in which they are applied.
    pub copies: Vec<TogetherDto>,
    /// Who, in up to 200 bytes.
    #[serde(default)]
    pub actor: String,
    /// What for, in up to 8 KiB.
    #[serde(default)]
    pub message: String,
    /// Whatever else to keep, in up to 64 KiB.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
}

/// A copy to apply with others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TogetherDto {
    /// Its name or id.
    pub copy: String,
    /// The tree that was reviewed; where the copy has another one by now, nothing is
    /// applied, with `stale`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect_tree: Option<String>,
}

/// What applying copies together led to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AllAppliedDto {
    /// Of each copy, in the order of the request.
    pub applied: Vec<PublishedDto>,
}

/// What an apply, a snapshot or a restore led to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PublishedDto {
    /// Whether a revision records it.
    pub outcome: OutcomeDto,
    /// The revision; where nothing changed, head's newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<Count>,
    /// The operation of the copy's parent, where that is a copy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Count>,
    /// Whether the copy has changes at other paths, which stay in it; absent where not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    pub in_part: bool,
}

/// What came of an apply, a snapshot or a restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeDto {
    /// A revision was added.
    Published,
    /// The copy's parent, which is a copy, has its files. Nothing was published.
    Applied,
    /// An apply before this one had published or applied it.
    Already,
    /// There was no change, and no revision was added.
    Unchanged,
}

impl From<Applied> for PublishedDto {
    fn from(applied: Applied) -> Self {
        match applied {
            Applied::Published {
                revision,
                already,
                in_part,
            } => Self {
                outcome: match already {
                    true => OutcomeDto::Already,
                    false => OutcomeDto::Published,
                },
                revision: Some(revision.get().into()),
                operation: None,
                in_part,
            },
            Applied::ToParent {
                operation,
                already,
                in_part,
            } => Self {
                outcome: match already {
                    true => OutcomeDto::Already,
                    false => OutcomeDto::Applied,
                },
                revision: None,
                operation: Some(operation.get().into()),
                in_part,
            },
            Applied::Unchanged { in_part } => Self {
                outcome: OutcomeDto::Unchanged,
                revision: None,
                operation: None,
                in_part,
            },
        }
    }
}

impl From<Recorded> for PublishedDto {
    fn from(recorded: Recorded) -> Self {
        match recorded {
            Recorded::Published(revision) => Self {
                outcome: OutcomeDto::Published,
                revision: Some(revision.get().into()),
                operation: None,
                in_part: false,
            },
            Recorded::Unchanged(revision) => Self {
                outcome: OutcomeDto::Unchanged,
                revision: revision.map(|id| id.get().into()),
                operation: None,
                in_part: false,
            },
        }
    }
}

/// Which revisions pruning keeps, besides the newest, which always stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PruneDto {
    /// As many of the newest.
    pub newest: Count,
    /// Those recorded since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Millis>,
}

/// What pruning did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PrunedDto {
    /// How many revisions were deleted.
    pub pruned: Count,
}
