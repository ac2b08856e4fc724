//! Events: what the change feed of a workspace tells.

use crate::entry::Timestamp;
use crate::id::{CopyId, RevisionId, TreeId};
use crate::store::{CopyRecord, HeadRecord, RevisionCause, RevisionRecord};

/// A change of head, of a copy or of the revisions.
///
/// What is `None` has nothing to do with the kind of event; see [`EventKind`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// The copy that it happened to.
    pub copy: Option<CopyId>,
    /// The generation of the copy after it.
    pub generation: Option<u64>,
    /// The version of head after it, or the version of head or generation of its
    /// parent that the copy is based on.
    pub version: Option<u64>,
    /// The files that head or the copy got by it.
    pub tree: Option<TreeId>,
    /// The revision that records it.
    pub revision: Option<RevisionId>,
    /// Who did it; empty where nobody said.
    pub actor: String,
    /// When.
    pub at: Timestamp,
}

/// An event with its place in the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRecord {
    /// Its number: 1, 2, 3, … without a gap.
    pub sequence: u64,
    /// What happened.
    pub event: Event,
}

/// What happened, and which fields of the [`Event`] tell more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EventKind {
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
    /// generation, version, tree. Where the files stay, so does the generation.
    Rebased,
    /// An operation of a copy was undone: copy, generation, tree.
    Undone,
    /// A copy became head: copy, version, tree, revision.
    Applied,
    /// A part of what a copy changed became head: copy, version, tree, revision. It is
    /// rebased onto that just after.
    AppliedInPart,
    /// A copy was applied to the copy that is its parent: copy. That one changed
    /// just before.
    AppliedToParent,
    /// A copy above a copy was applied, so that it has another parent, or another one is
    /// the last above it: copy, version. Its files and what they are based on stay.
    Reparented,
    /// A copy was thrown away: copy.
    Discarded,
    /// A copy whose time was up was thrown away: copy.
    Expired,
    /// Head was recorded as it is: version, revision.
    Recorded,
    /// An old revision's files became head, as a new revision: version, tree,
    /// revision.
    Restored,
    /// The revisions up to this one were deleted: revision.
    Pruned,
}

impl EventKind {
    /// Every kind, for tables that must be total.
    pub const ALL: [Self; 15] = [
        Self::HeadMoved,
        Self::Forked,
        Self::Renamed,
        Self::Changed,
        Self::Rebased,
        Self::Undone,
        Self::Applied,
        Self::AppliedInPart,
        Self::AppliedToParent,
        Self::Reparented,
        Self::Discarded,
        Self::Expired,
        Self::Recorded,
        Self::Restored,
        Self::Pruned,
    ];

    /// Returns the stable, machine-readable code of this kind.
    pub fn code(self) -> &'static str {
        match self {
            Self::HeadMoved => "head_moved",
            Self::Forked => "forked",
            Self::Renamed => "renamed",
            Self::Changed => "changed",
            Self::Rebased => "rebased",
            Self::Undone => "undone",
            Self::Applied => "applied",
            Self::AppliedInPart => "applied_in_part",
            Self::AppliedToParent => "applied_to_parent",
            Self::Reparented => "reparented",
            Self::Discarded => "discarded",
            Self::Expired => "expired",
            Self::Recorded => "recorded",
            Self::Restored => "restored",
            Self::Pruned => "pruned",
        }
    }
}

impl Event {
    fn new(kind: EventKind, actor: &str, at: Timestamp) -> Self {
        Self {
            kind,
            copy: None,
            generation: None,
            version: None,
            tree: None,
            revision: None,
            actor: actor.into(),
            at,
        }
    }

    /// Tells of head as it is after a batch of changes.
    pub(crate) fn head_moved(head: &HeadRecord, actor: &str) -> Self {
        Self {
            version: Some(head.version),
            tree: Some(head.tree),
            ..Self::new(EventKind::HeadMoved, actor, head.modified)
        }
    }

    pub(crate) fn forked(copy: &CopyRecord) -> Self {
        Self {
            copy: Some(copy.id),
            generation: Some(copy.generation),
            version: Some(copy.base_version),
            ..Self::new(EventKind::Forked, "", copy.created)
        }
    }

    /// Tells of a copy that has other files, or another base, by now.
    pub(crate) fn moved(kind: EventKind, copy: &CopyRecord, actor: &str) -> Self {
        Self {
            copy: Some(copy.id),
            generation: Some(copy.generation),
            version: (kind == EventKind::Rebased).then_some(copy.base_version),
            tree: Some(copy.tree),
            ..Self::new(kind, actor, copy.modified)
        }
    }

    /// Tells of a copy that has another parent by now.
    pub(crate) fn reparented(copy: &CopyRecord, at: Timestamp) -> Self {
        Self {
            version: Some(copy.base_version),
            ..Self::of_copy(EventKind::Reparented, copy.id, at)
        }
    }

    /// Tells of a copy whose files are as they were.
    pub(crate) fn of_copy(kind: EventKind, copy: CopyId, at: Timestamp) -> Self {
        Self {
            copy: Some(copy),
            ..Self::new(kind, "", at)
        }
    }

    /// Tells of a revision that was recorded.
    pub(crate) fn recorded(revision: &RevisionRecord) -> Self {
        let (kind, copy) = match revision.cause {
            RevisionCause::Apply(copy) => (EventKind::Applied, Some(copy)),
            RevisionCause::ApplyInPart(copy) => (EventKind::AppliedInPart, Some(copy)),
            RevisionCause::Snapshot => (EventKind::Recorded, None),
            RevisionCause::Restore(_) => (EventKind::Restored, None),
        };
        Self {
            copy,
            version: Some(revision.version),
            tree: (kind != EventKind::Recorded).then_some(revision.tree),
            revision: Some(revision.id),
            ..Self::new(kind, &revision.actor, revision.at)
        }
    }

    /// Tells that the revisions up to `last` are gone.
    pub(crate) fn pruned(last: RevisionId, at: Timestamp) -> Self {
        Self {
            revision: Some(last),
            ..Self::new(EventKind::Pruned, "", at)
        }
    }
}
