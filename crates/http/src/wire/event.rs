//! Events of the change feed.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use workspace_core::{EventKind, EventRecord};

use super::{Count, Millis};

/// A change of head, of a copy or of the revisions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventDto {
    /// Its number: 1, 2, 3, … without a gap.
    pub sequence: Count,
    /// What happened.
    pub kind: EventKindDto,
    /// The id of the copy that it happened to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy: Option<String>,
    /// The generation of the copy after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<Count>,
    /// The version of head after it, or the version of head or generation of its
    /// parent that the copy is based on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Count>,
    /// The files that head or the copy got by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tree: Option<String>,
    /// The revision that records it; for pruned, the last one that is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<Count>,
    /// Who did it; empty where nobody said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub actor: String,
    /// When.
    pub at: Millis,
}

/// What happened, and which fields tell more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventKindDto {
    /// A batch of changes was made to head: version, tree.
    HeadMoved,
    /// A copy was forked: copy, generation 0, version.
    Forked,
    /// A copy was renamed: copy.
    Renamed,
    /// A batch of changes, or of an import, was made to a copy: copy,
    /// generation, tree.
    Changed,
    /// A copy was moved onto this version of head, or generation of its parent: copy,
    /// generation, version, tree.
    Rebased,
    /// An operation of a copy was undone: copy, generation, tree.
    Undone,
    /// A copy became head: copy, version, tree, revision.
    Applied,
    /// A part of what a copy changed became head: copy, version, tree, revision. It is
    /// rebased onto that just after.
    AppliedInPart,
    /// A copy was applied to the copy that is its parent: copy. That one changed just
    /// before.
    AppliedToParent,
    /// A copy above a copy was applied, so that it has another parent, or another one is
    /// the last above it: copy, version.
    Reparented,
    /// A copy was thrown away: copy.
    Discarded,
    /// A copy whose time was up was thrown away: copy.
    Expired,
    /// Head was recorded as it is: version, revision.
    Recorded,
    /// An old revision's files became head: version, tree, revision.
    Restored,
    /// The revisions up to this one were deleted: revision.
    Pruned,
}

impl From<EventKind> for EventKindDto {
    fn from(kind: EventKind) -> Self {
        match kind {
            EventKind::HeadMoved => Self::HeadMoved,
            EventKind::Forked => Self::Forked,
            EventKind::Renamed => Self::Renamed,
            EventKind::Changed => Self::Changed,
            EventKind::Rebased => Self::Rebased,
            EventKind::Undone => Self::Undone,
            EventKind::Applied => Self::Applied,
            EventKind::AppliedInPart => Self::AppliedInPart,
            EventKind::AppliedToParent => Self::AppliedToParent,
            EventKind::Reparented => Self::Reparented,
            EventKind::Discarded => Self::Discarded,
            EventKind::Expired => Self::Expired,
            EventKind::Recorded => Self::Recorded,
            EventKind::Restored => Self::Restored,
            EventKind::Pruned => Self::Pruned,
        }
    }
}

impl From<&EventRecord> for EventDto {
    fn from(record: &EventRecord) -> Self {
        let event = &record.event;
        Self {
            sequence: record.sequence.into(),
            kind: event.kind.into(),
            copy: event.copy.map(|id| id.to_string()),
            generation: event.generation.map(Into::into),
            version: event.version.map(Into::into),
            tree: event.tree.map(|tree| tree.to_string()),
            revision: event.revision.map(|id| id.get().into()),
            actor: event.actor.clone(),
            at: event.at.into(),
        }
    }
}

/// A page of events, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventPage {
    /// The events.
    pub events: Vec<EventDto>,
    /// What to pass as `after` for those that follow, now or later.
    pub next: Count,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_by_their_codes() {
        for kind in EventKind::ALL {
            let told = serde_json::to_string(&EventKindDto::from(kind)).unwrap();
            assert_eq!(told, format!("\"{}\"", kind.code()));
        }
    }
}
