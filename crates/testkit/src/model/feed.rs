//! What a reader of the change feed knows of a workspace, by its events alone.

use std::collections::BTreeMap;

use workspace_core::store::{AppliedAs, CopyState};
use workspace_core::{
    CopyId, Event, EventKind, EventRecord, OperationId, RevisionId, TreeId, Workspace,
};

use super::check::Checked;

/// A workspace as its events tell it.
#[derive(Debug, Default)]
pub(super) struct Feed {
    last: u64,
    version: u64,
    /// Head's files; `None` before the first event of them.
    tree: Option<TreeId>,
    revision: Option<RevisionId>,
    /// The newest revision that was pruned.
    pruned: Option<RevisionId>,
    copies: BTreeMap<CopyId, Copy>,
}

#[derive(Debug)]
struct Copy {
    state: CopyState,
    base_version: u64,
    generation: u64,
    /// Its files; `None` while they are those that it was forked with.
    tree: Option<TreeId>,
}

/// The state of a copy that was applied to its parent, as events tell it.
const TO_PARENT: CopyState = CopyState::Applied(AppliedAs::Operation(OperationId::new(1)));

/// Returns what events tell of a state.
fn told_state(state: CopyState) -> CopyState {
    match state {
        CopyState::Applied(AppliedAs::Operation(_)) => TO_PARENT,
        state => state,
    }
}

/// Few enough that pages come to their ends in the middle of a call's events.
const PAGE: usize = 3;

impl Feed {
    /// Reads on, and compares what the events make of it with the workspace.
    pub(super) fn follow(&mut self, workspace: &Workspace) -> Checked {
        loop {
            let page = workspace.events(self.last, PAGE);
            let page = page.map_err(|error| format!("events: {error}"))?;
            for found in &page {
                self.take(found)
                    .ok_or_else(|| format!("{found:?} is no event that can follow in {self:?}"))?;
            }
            if page.len() < PAGE {
                break;
            }
        }
        self.compare(workspace)
    }

    /// Takes an event in; `None` where it changes nothing, or cannot be.
    fn take(&mut self, found: &EventRecord) -> Option<()> {
        let EventRecord { sequence, event } = found;
        self.last += 1;
        (self.last == *sequence).then_some(())?;
        match event.kind {
            EventKind::HeadMoved => self.move_head(event),
            EventKind::Recorded => {
                (event.version? == self.version).then_some(())?;
                self.record(event)
            }
            EventKind::Restored => {
                self.move_head(event)?;
                self.record(event)
            }
            EventKind::Applied => {
                self.move_head(event)?;
                self.record(event)?;
                let copy = self.open(event)?;
                copy.state = CopyState::Applied(AppliedAs::Revision(event.revision?));
                (copy.tree == event.tree).then_some(())
            }
            EventKind::AppliedInPart => {
                self.move_head(event)?;
                self.record(event)?;
                self.open(event).map(drop)
            }
            EventKind::Forked => {
                let copy = Copy {
                    state: CopyState::Open,
                    base_version: event.version?,
                    generation: event.generation?,
                    tree: None,
                };
                let new = copy.generation == 0;
                let taken = self.copies.insert(event.copy?, copy);
                (new && taken.is_none()).then_some(())
            }
            EventKind::Changed | EventKind::Undone => self.move_copy(event),
            EventKind::Rebased => {
                let copy = self.open(event)?;
                copy.base_version = event.version?;
                match event.generation? == copy.generation {
                    // Before the first change its files are those of its base.
                    true if copy.tree.is_none() => copy.tree = event.tree,
                    true => (copy.tree == event.tree).then_some(())?,
                    false => self.move_copy(event)?,
                }
                Some(())
            }
            EventKind::Renamed => self.open(event).map(drop),
            EventKind::AppliedToParent => {
                // Which operation it was, the copy tells.
                self.open(event)?.state = TO_PARENT;
                Some(())
            }
            EventKind::Reparented => {
                self.open(event)?.base_version = event.version?;
                Some(())
            }
            EventKind::Discarded | EventKind::Expired => {
                self.open(event)?.state = CopyState::Discarded;
                Some(())
            }
            EventKind::Pruned => {
                let newer = event.revision > self.pruned && event.revision < self.revision;
                self.pruned = event.revision;
                newer.then_some(())
            }
        }
    }

    fn move_head(&mut self, event: &Event) -> Option<()> {
        let moves = event.version? == self.version + 1 && event.tree != self.tree;
        self.version = event.version?;
        self.tree = event.tree;
        moves.then_some(())
    }

    fn record(&mut self, event: &Event) -> Option<()> {
        let next = self.revision.map_or(0, RevisionId::get) + 1;
        self.revision = event.revision;
        (event.revision?.get() == next).then_some(())
    }

    fn open(&mut self, event: &Event) -> Option<&mut Copy> {
        let copy = self.copies.get_mut(&event.copy?)?;
        (copy.state == CopyState::Open).then_some(copy)
    }

    fn move_copy(&mut self, event: &Event) -> Option<()> {
        let copy = self.open(event)?;
        let moves = event.generation? == copy.generation + 1 && event.tree != copy.tree;
        copy.generation = event.generation?;
        copy.tree = event.tree;
        moves.then_some(())
    }

    fn compare(&self, workspace: &Workspace) -> Checked {
        let told = |error: workspace_core::Error| error.to_string();
        let head = workspace.head().map_err(told)?;
        let last = workspace.last_event().map_err(told)?;
        let same = (head.version, head.revision, last) == (self.version, self.revision, self.last)
            && self.tree.is_none_or(|tree| tree == head.tree);
        if !same {
            return Err(format!("head is {head:?}, its events say {self:?}"));
        }
        let oldest = workspace.revisions(None, usize::MAX).map_err(told)?;
        let oldest = oldest.last().map(|revision| revision.id);
        if oldest.is_some() && oldest <= self.pruned {
            return Err(format!("{oldest:?} is there, its events say {self:?}"));
        }
        let copies = workspace.copies(false, None, usize::MAX).map_err(told)?;
        for copy in &copies {
            let known = self.copies.get(&copy.id);
            let same = known.is_some_and(|known| {
                told_state(copy.state) == known.state
                    && known.base_version == copy.base_version
                    && known.generation == copy.generation
                    && known.tree.is_none_or(|tree| tree == copy.tree)
            });
            if !same {
                return Err(format!("{copy:?}, its events say {known:?}"));
            }
        }
        let open = |state| state == CopyState::Open;
        let found = copies.iter().filter(|copy| open(copy.state)).count();
        let wanted = self.copies.values().filter(|copy| open(copy.state)).count();
        match found == wanted {
            true => Ok(()),
            false => Err(format!("{found} open copies, their events say {wanted}")),
        }
    }
}
