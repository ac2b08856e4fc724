//! The reference model: what a workspace is, as plainly as it can be said.
//!
//! Trees are maps, history is lists, and every call copies what it touches. No
//! identity, no sharing, no storage.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use workspace_core::store::{AppliedAs, CopyState, OperationCause, RevisionCause};
use workspace_core::{
    Applied, Author, Conflict, CopyId, ErrorKind, GrantId, KeepRevisions, OperationId, Recorded,
    RevisionId, RevisionMessage, Timestamp, Undone,
};

use super::action::Place;
use super::decide::part;
use super::files::{Edit, Files};
use super::grants::Granted;
use super::merge::{changed_paths, changes, merge};
use super::once::{Memo, MemoOf};

/// How many copies may be one below the other.
const DEEPEST: usize = 8;

/// One workspace.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// The head.
    pub head: Head,
    /// The copies, closed ones included, until they are forgotten.
    pub copies: BTreeMap<CopyId, Rc<Copy>>,
    /// The revisions that were not pruned.
    pub revisions: BTreeMap<RevisionId, Rc<Revision>>,
    /// The grants that were handed out, until they are dead.
    pub grants: BTreeMap<GrantId, Rc<Granted>>,
    /// Those that were revoked.
    pub revoked: BTreeSet<GrantId>,
    /// What calls under a key led to.
    pub memos: BTreeMap<MemoOf, Rc<Memo>>,
    /// How long closed copies are remembered, in milliseconds.
    pub keep_closed_copies: i64,
    /// How long memos are kept, in milliseconds.
    pub keep_memos: i64,
}

/// The head of the model.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    /// Raised by each write.
    pub version: u64,
    /// The files.
    pub files: Rc<Files>,
    /// The newest revision.
    pub revision: Option<RevisionId>,
    /// The files of the newest revision.
    pub recorded: Option<Rc<Files>>,
    /// When it last moved.
    pub modified: Timestamp,
}

/// A working copy of the model.
#[derive(Debug, Clone, PartialEq)]
pub struct Copy {
    /// Its name.
    pub name: Option<String>,
    /// Open, or how it was closed.
    pub state: CopyState,
    /// The copy that it is based on and applied to; `None` for head.
    pub parent: Option<CopyId>,
    /// The version of head, or the generation of its parent, that it is based on.
    pub base_version: u64,
    /// The files that it is based on.
    pub base: Rc<Files>,
    /// Its files.
    pub files: Rc<Files>,
    /// Raised by each change.
    pub generation: u64,
    /// When it was forked.
    pub created: Timestamp,
    /// When it was last changed or closed.
    pub modified: Timestamp,
    /// When it expires.
    pub expires: Option<Timestamp>,
    /// Its log, oldest first.
    pub operations: Vec<Operation>,
}

/// An operation of the model.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// What made it.
    pub cause: OperationCause,
    /// Who made it, and what for.
    pub author: Author,
    /// When.
    pub at: Timestamp,
    /// The files before it.
    pub before: Rc<Files>,
    /// The files after it.
    pub after: Rc<Files>,
}

/// A revision of the model.
#[derive(Debug, Clone, PartialEq)]
pub struct Revision {
    /// The revision before it.
    pub parent: Option<RevisionId>,
    /// The files.
    pub files: Rc<Files>,
    /// The version of head that it recorded.
    pub version: u64,
    /// What recorded it.
    pub cause: RevisionCause,
    /// What was said about it.
    pub message: RevisionMessage,
    /// When.
    pub at: Timestamp,
}

/// Why a call of the model fails.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// The kind of the facade's error.
    pub kind: ErrorKind,
    /// The paths, for a conflict.
    pub conflict: Option<Conflict>,
}

impl From<ErrorKind> for Failure {
    fn from(kind: ErrorKind) -> Self {
        Self {
            kind,
            conflict: None,
        }
    }
}

impl From<Conflict> for Failure {
    fn from(conflict: Conflict) -> Self {
        Self {
            kind: ErrorKind::Conflict,
            conflict: Some(conflict),
        }
    }
}

/// What a call of the model returns.
pub type Outcome<T> = Result<T, Failure>;

/// What a batch of changes goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Head.
    Head,
    /// A copy.
    Copy(CopyId),
}

/// What a batch of changes led to: generation or version, and operation.
pub type Moved = (u64, Option<OperationId>);

impl Copy {
    /// Returns the id of the newest operation.
    pub fn operation(&self) -> Option<OperationId> {
        match self.operations.len() as u64 {
            0 => None,
            n => Some(OperationId::new(n)),
        }
    }

    pub(super) fn expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }

    pub(super) fn advance(
        &mut self,
        files: impl Into<Rc<Files>>,
        cause: OperationCause,
        author: &Author,
        now: Timestamp,
    ) -> OperationId {
        let after = files.into();
        self.operations.push(Operation {
            cause,
            author: author.clone(),
            at: now,
            before: Rc::clone(&self.files),
            after: Rc::clone(&after),
        });
        self.files = after;
        self.generation += 1;
        self.modified = now;
        OperationId::new(self.operations.len() as u64)
    }
}

fn answer(applied: AppliedAs, already: bool, in_part: bool) -> Applied {
    match applied {
        AppliedAs::Revision(revision) => Applied::Published {
            revision,
            already,
            in_part,
        },
        AppliedAs::Operation(operation) => Applied::ToParent {
            operation,
            already,
            in_part,
        },
    }
}

impl Model {
    /// A workspace that was created at `now`.
    pub fn new(now: Timestamp, keep_closed_copies: i64, keep_memos: i64) -> Self {
        Self {
            head: Head {
                version: 0,
                files: Rc::default(),
                revision: None,
                recorded: None,
                modified: now,
            },
            copies: BTreeMap::new(),
            revisions: BTreeMap::new(),
            grants: BTreeMap::new(),
            revoked: BTreeSet::new(),
            memos: BTreeMap::new(),
            keep_closed_copies,
            keep_memos,
        }
    }

    /// Returns a copy, whatever its state.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn any_copy(&mut self, id: CopyId) -> Outcome<&mut Copy> {
        let copy = self.copies.get_mut(&id).ok_or(ErrorKind::NotFound)?;
        Ok(Rc::make_mut(copy))
    }

    pub(super) fn open_copy(&mut self, id: CopyId, now: Timestamp) -> Outcome<&mut Copy> {
        let copy = self.any_copy(id)?;
        match copy.state == CopyState::Open && !copy.expired(now) {
            true => Ok(copy),
            false => Err(ErrorKind::Closed.into()),
        }
    }

    /// Returns the files of a copy that is open.
    ///
    /// # Errors
    /// `NotFound`, `Closed`.
    pub fn copy_files(&mut self, id: CopyId, now: Timestamp) -> Outcome<Rc<Files>> {
        self.open_copy(id, now).map(|copy| Rc::clone(&copy.files))
    }

    /// Makes a batch of changes.
    ///
    /// # Errors
    /// As the facade.
    pub fn change(
        &mut self,
        target: Target,
        edits: &[Edit],
        author: &Author,
        expected: Option<u64>,
        now: Timestamp,
    ) -> Outcome<Moved> {
        let (old, generation) = match target {
            Target::Head => (Rc::clone(&self.head.files), self.head.version),
            Target::Copy(id) => {
                let copy = self.open_copy(id, now)?;
                (Rc::clone(&copy.files), copy.generation)
            }
        };
        if expected.is_some_and(|expected| expected != generation) {
            return Err(ErrorKind::Stale.into());
        }
        let mut files = Files::clone(&old);
        for edit in edits {
            files.edit(edit, now)?;
        }
        if files == *old {
            return Ok((generation, None));
        }
        match target {
            Target::Head => {
                self.head.version += 1;
                self.head.files = Rc::new(files);
                self.head.modified = now;
                Ok((self.head.version, None))
            }
            Target::Copy(id) => {
                let copy = self.open_copy(id, now)?;
                let operation = copy.advance(files, OperationCause::Edit, author, now);
                Ok((copy.generation, Some(operation)))
            }
        }
    }

    /// Forks `of` as the copy `id`.
    ///
    /// # Errors
    /// As the facade.
    pub fn fork(
        &mut self,
        id: CopyId,
        of: Place,
        name: Option<String>,
        expires: Option<Timestamp>,
        now: Timestamp,
    ) -> Outcome<()> {
        if expires.is_some_and(|expires| expires <= now) {
            return Err(ErrorKind::Invalid.into());
        }
        self.free_name(name.as_deref(), now)?;
        let (parent, base_version, files, until) = match of {
            Place::Head => (None, self.head.version, Rc::clone(&self.head.files), None),
            Place::Revision(id) => {
                let revision = self.revisions.get(&id).ok_or(ErrorKind::NotFound)?;
                (None, revision.version, Rc::clone(&revision.files), None)
            }
            Place::Copy(id) => {
                let parent = self.open_copy(id, now)?.clone();
                if self.line(id).len() >= DEEPEST {
                    return Err(ErrorKind::LimitExceeded.into());
                }
                (Some(id), parent.generation, parent.files, parent.expires)
            }
        };
        let copy = Copy {
            name,
            state: CopyState::Open,
            parent,
            base_version,
            base: Rc::clone(&files),
            files,
            generation: 0,
            created: now,
            modified: now,
            expires: expires.into_iter().chain(until).min(),
            operations: Vec::new(),
        };
        self.copies.insert(id, Rc::new(copy));
        Ok(())
    }

    fn free_name(&mut self, name: Option<&str>, now: Timestamp) -> Outcome<()> {
        let Some(name) = name else { return Ok(()) };
        let mut copies = self.copies.iter();
        let holder = copies
            .find(|(_, copy)| copy.state == CopyState::Open && copy.name.as_deref() == Some(name));
        match holder {
            Some((_, copy)) if !copy.expired(now) => Err(ErrorKind::AlreadyExists.into()),
            Some((id, _)) => {
                self.close(*id, now);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Returns a copy and those above it.
    fn line(&self, id: CopyId) -> Vec<CopyId> {
        let above = |id: &CopyId| self.copies.get(id).and_then(|copy| copy.parent);
        std::iter::successors(Some(id), above).collect()
    }

    /// Returns the last of the copies above one; `None` where its parent is head.
    pub(super) fn top(&self, id: CopyId) -> Option<CopyId> {
        self.line(id)[1..].last().copied()
    }

    /// Discards a copy and the open ones below it; returns how many.
    pub(super) fn close(&mut self, id: CopyId, now: Timestamp) -> u64 {
        let copies = self.copies.iter();
        let open = copies.filter(|(_, copy)| copy.state == CopyState::Open);
        let ids: Vec<CopyId> = open.map(|(id, _)| *id).collect();
        let closed: Vec<CopyId> = ids
            .into_iter()
            .filter(|other| self.line(*other).contains(&id))
            .collect();
        for id in &closed {
            let copy = self.copies.get_mut(id).map(Rc::make_mut);
            let copy = copy.expect("it was listed");
            copy.state = CopyState::Discarded;
            copy.modified = now;
        }
        closed.len() as u64
    }

    /// Renames a copy.
    ///
    /// # Errors
    /// As the facade.
    pub fn rename_copy(&mut self, id: CopyId, name: Option<String>, now: Timestamp) -> Outcome<()> {
        if self.open_copy(id, now)?.name == name {
            return Ok(());
        }
        self.free_name(name.as_deref(), now)?;
        self.open_copy(id, now)?.name = name;
        Ok(())
    }

    /// Throws a copy away.
    ///
    /// # Errors
    /// As the facade.
    pub fn discard(&mut self, id: CopyId, now: Timestamp) -> Outcome<()> {
        let copy = self.any_copy(id)?;
        match copy.state {
            CopyState::Applied(_) => Err(ErrorKind::Closed.into()),
            CopyState::Discarded => Ok(()),
            CopyState::Open => {
                self.close(id, now);
                Ok(())
            }
        }
    }

    /// Applies a copy, or what it changed at what the globs `only` match; `expected` tells
    /// whether its tree is the expected one. Where its parent moved it is rebased, if it
    /// `rebases`.
    ///
    /// # Errors
    /// As the facade.
    pub fn apply(
        &mut self,
        id: CopyId,
        expected: bool,
        message: RevisionMessage,
        only: &[String],
        rebases: bool,
        now: Timestamp,
    ) -> Outcome<Applied> {
        let mut copy = match self.any_copy(id)?.state {
            CopyState::Applied(_) => self.any_copy(id)?.clone(),
            _ => self.open_copy(id, now)?.clone(),
        };
        // Exactly the reviewed tree is published, or was.
        if !expected {
            return Err(ErrorKind::Stale.into());
        }
        if let CopyState::Applied(applied) = copy.state {
            return Ok(answer(applied, true, false));
        }
        if changes(&copy.base, &copy.files).is_empty() {
            return Ok(Applied::Unchanged { in_part: false });
        }
        let (_, theirs) = self.parent_of(&copy);
        if rebases {
            let author = Author::new(message.actor.clone(), message.message.clone());
            self.rebase(id, &author, now)?;
            copy = self.open_copy(id, now)?.clone();
            if changes(&copy.base, &copy.files).is_empty() {
                return Ok(Applied::Unchanged { in_part: false });
            }
        } else if !changes(&copy.base, &theirs).is_empty() {
            return Err(changed_paths(&copy.base, &theirs, &copy.files).into());
        }
        let (mut files, mut whole) = (Rc::clone(&copy.files), true);
        if !only.is_empty() {
            let Some(part) = part(&theirs, &copy.files, only)? else {
                return Ok(Applied::Unchanged { in_part: true });
            };
            whole = changes(&part, &copy.files).is_empty();
            if !whole {
                files = Rc::new(part);
            }
        }
        let applied = match copy.parent {
            None => {
                self.record_head(now);
                let cause = match whole {
                    true => RevisionCause::Apply(id),
                    false => RevisionCause::ApplyInPart(id),
                };
                let files = Rc::clone(&files);
                AppliedAs::Revision(self.publish(files, cause, message, now))
            }
            Some(_) if !message.metadata.is_empty() => return Err(ErrorKind::Invalid.into()),
            Some(parent) => {
                let author = Author::new(message.actor, message.message);
                let parent = self.any_copy(parent)?;
                let cause = OperationCause::Apply(id);
                AppliedAs::Operation(parent.advance(Rc::clone(&files), cause, &author, now))
            }
        };
        let (version, _) = self.parent_of(&copy);
        if !whole {
            let copy = self.any_copy(id)?;
            (copy.base, copy.base_version) = (files, version);
            copy.modified = now;
            return Ok(answer(applied, false, true));
        }
        for below in self.copies.values_mut() {
            if below.state == CopyState::Open && below.parent == Some(id) {
                let below = Rc::make_mut(below);
                below.parent = copy.parent;
                below.base_version = version - u64::from(below.base != copy.files);
            }
        }
        let copy = self.any_copy(id)?;
        copy.state = CopyState::Applied(applied);
        copy.modified = now;
        Ok(answer(applied, false, false))
    }

    /// Returns the version and the files of what a copy is applied to.
    pub(super) fn parent_of(&self, copy: &Copy) -> (u64, Rc<Files>) {
        match copy.parent.map(|parent| &self.copies[&parent]) {
            None => (self.head.version, Rc::clone(&self.head.files)),
            Some(parent) => (parent.generation, Rc::clone(&parent.files)),
        }
    }

    /// Moves a copy onto what its parent is now.
    ///
    /// # Errors
    /// As the facade.
    pub fn rebase(
        &mut self,
        id: CopyId,
        author: &Author,
        now: Timestamp,
    ) -> Outcome<Option<OperationId>> {
        let copy = self.open_copy(id, now)?.clone();
        let (version, theirs) = self.parent_of(&copy);
        let copy = self.open_copy(id, now)?;
        if version == copy.base_version && theirs == copy.base {
            return Ok(None);
        }
        let merged = merge(&copy.base, &theirs, &copy.files)?;
        copy.base = theirs;
        copy.base_version = version;
        if merged == *copy.files {
            copy.modified = now;
            return Ok(None);
        }
        let cause = OperationCause::Rebase(version);
        Ok(Some(copy.advance(merged, cause, author, now)))
    }

    /// Undoes one operation of a copy.
    ///
    /// # Errors
    /// As the facade.
    pub fn undo(
        &mut self,
        id: CopyId,
        operation: OperationId,
        author: &Author,
        now: Timestamp,
    ) -> Outcome<Undone> {
        let copy = self.open_copy(id, now)?;
        let at = operation.get() as usize;
        let undone = copy.operations.get(at.wrapping_sub(1));
        let undone = undone.ok_or(ErrorKind::NotFound)?;
        if matches!(undone.cause, OperationCause::Rebase(_)) {
            return Err(ErrorKind::Invalid.into());
        }
        let merged = merge(&undone.after, &copy.files, &undone.before)?;
        let operation = match merged == *copy.files {
            true => None,
            false => Some(copy.advance(merged, OperationCause::Undo(operation), author, now)),
        };
        Ok(Undone {
            generation: copy.generation,
            operation,
        })
    }

    /// Records head.
    pub fn snapshot(&mut self, message: RevisionMessage, now: Timestamp) -> Recorded {
        if self.head.recorded.as_ref() == Some(&self.head.files) {
            return Recorded::Unchanged(self.head.revision);
        }
        Recorded::Published(self.record(RevisionCause::Snapshot, message, now))
    }

    /// Makes a revision's files head again.
    ///
    /// # Errors
    /// As the facade.
    pub fn restore(
        &mut self,
        id: RevisionId,
        message: RevisionMessage,
        now: Timestamp,
    ) -> Outcome<Recorded> {
        let revision = self.revisions.get(&id).ok_or(ErrorKind::NotFound)?;
        let files = Rc::clone(&revision.files);
        if files == self.head.files {
            return Ok(Recorded::Unchanged(self.head.revision));
        }
        self.record_head(now);
        let revision = self.publish(files, RevisionCause::Restore(id), message, now);
        Ok(Recorded::Published(revision))
    }

    fn record_head(&mut self, now: Timestamp) {
        let recorded = match &self.head.recorded {
            Some(recorded) => *recorded == self.head.files,
            None => self.head.files.is_empty(),
        };
        if !recorded {
            self.record(RevisionCause::Snapshot, RevisionMessage::default(), now);
        }
    }

    fn publish(
        &mut self,
        files: Rc<Files>,
        cause: RevisionCause,
        message: RevisionMessage,
        now: Timestamp,
    ) -> RevisionId {
        self.head.version += 1;
        self.head.files = files;
        self.head.modified = now;
        self.record(cause, message, now)
    }

    fn record(
        &mut self,
        cause: RevisionCause,
        message: RevisionMessage,
        now: Timestamp,
    ) -> RevisionId {
        let id = RevisionId::new(self.head.revision.map_or(0, RevisionId::get) + 1);
        let revision = Revision {
            parent: self.head.revision,
            files: Rc::clone(&self.head.files),
            version: self.head.version,
            cause,
            message,
            at: now,
        };
        self.revisions.insert(id, Rc::new(revision));
        self.head.revision = Some(id);
        self.head.recorded = Some(Rc::clone(&self.head.files));
        id
    }

    /// Prunes revisions, the oldest first, up to the first that is kept; returns how
    /// many.
    pub fn prune(&mut self, keep: KeepRevisions) -> u64 {
        let newest = keep.newest.max(1) as usize;
        let mut pruned = 0;
        while self.revisions.len() > newest {
            let Some((id, oldest)) = self.revisions.first_key_value() else {
                break;
            };
            if keep.since.is_some_and(|since| oldest.at >= since) {
                break;
            }
            let id = *id;
            self.revisions.remove(&id);
            pruned += 1;
        }
        pruned
    }

    /// Discards the copies whose time is up; returns how many.
    pub fn expire(&mut self, now: Timestamp) -> u64 {
        let mut expired = 0;
        while let Some(id) = self.first_expired(now) {
            expired += self.close(id, now);
        }
        expired
    }

    /// Forgets closed copies whose time of being remembered is up.
    pub fn forget(&mut self, now: Timestamp) {
        while let Some(id) = self.first_to_forget(now) {
            self.copies.remove(&id);
        }
    }

    /// Returns the open copy that was the first to expire.
    pub(super) fn first_expired(&self, now: Timestamp) -> Option<CopyId> {
        let expired = self
            .copies
            .iter()
            .filter(|(_, copy)| copy.state == CopyState::Open && copy.expired(now));
        expired
            .min_by_key(|(id, copy)| (copy.expires, **id))
            .map(|(id, _)| *id)
    }

    /// Returns the closed copy whose time of being remembered was up first.
    pub(super) fn first_to_forget(&self, now: Timestamp) -> Option<CopyId> {
        let until = now.plus_millis(-self.keep_closed_copies);
        let over = self
            .copies
            .iter()
            .filter(|(_, copy)| copy.state != CopyState::Open && copy.modified <= until);
        over.min_by_key(|(id, copy)| (copy.modified, **id))
            .map(|(id, _)| *id)
    }
}
