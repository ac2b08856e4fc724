//! What the model says that an action does.

use std::rc::Rc;

use bytes::Bytes;
use workspace_core::store::CopyState;
use workspace_core::{
    Author, CopyId, ErrorKind, GrantId, KeepRevisions, OperationId, RevisionId, Timestamp, TreePath,
};

use super::action::{Action, Expect, Place};
use super::files::{Files, Thing};
use super::show::Answer;
use super::state::{Model, Outcome};

/// What is expected of an action.
#[derive(Debug, Clone)]
pub(super) struct Prediction {
    pub(super) outcome: Outcome<Answer>,
    /// The state after it.
    pub(super) model: Model,
    /// The other states that an interrupted call may leave.
    pub(super) between: Vec<Model>,
}

/// Predicts `action` at `now`, where the next id is `id`.
pub(super) fn predict(old: &Model, action: &Action, id: CopyId, now: Timestamp) -> Prediction {
    let mut model = old.clone();
    let mut between = Vec::new();
    let outcome = model.act(action, id, now, &mut between);
    between.push(old.clone());
    Prediction {
        outcome,
        model,
        between,
    }
}

impl Model {
    pub(super) fn act(
        &mut self,
        action: &Action,
        id: CopyId,
        now: Timestamp,
        between: &mut Vec<Self>,
    ) -> Outcome<Answer> {
        match action {
            Action::Change(target, edits, author, expected) => self
                .change(*target, edits, author, *expected, now)
                .map(Answer::Moved),
            Action::Import(target, import) => self
                .import(*target, import, id, now, between)
                .map(Answer::Imported),
            Action::Fork(of, name, expires) => {
                // A name is not taken from an expired copy where the rest fails.
                let mut forked = self.clone();
                forked.fork(id, *of, name.clone(), *expires, now)?;
                *self = forked;
                Ok(Answer::Copies(vec![id]))
            }
            Action::RenameCopy(copy, name) => {
                self.rename_copy(*copy, name.clone(), now)?;
                Ok(Answer::Done)
            }
            Action::Discard(copy) => {
                self.discard(*copy, now)?;
                Ok(Answer::Done)
            }
            Action::Apply(copy, expect, message, only, rebases) => {
                // A rebase is taken back where the rest fails.
                let mut after = self.clone();
                let expected = *expect != Expect::Wrong;
                let applied = after.apply(*copy, expected, message.clone(), only, *rebases, now)?;
                *self = after;
                Ok(Answer::Applied(applied))
            }
            Action::Once(call, key, request) => self.once(call, key, *request, id, now),
            Action::ApplyAll(copies, message) => {
                let mut after = self.clone();
                let applied = after.apply_all(copies, message, now)?;
                *self = after;
                Ok(Answer::AllApplied(applied))
            }
            Action::Resolve(copy, author, decided) => self
                .rebase_decided(*copy, author, decided, now)
                .map(Answer::Rebased),
            Action::Conflicts(copy) => self.conflicts(*copy, now).map(Answer::Conflicts),
            Action::Overlap(copies) => self.overlap(copies, now).map(Answer::Overlaps),
            Action::Rebase(copy, author) => self.rebase(*copy, author, now).map(Answer::Rebased),
            Action::Undo(copy, operation, author) => self
                .undo(*copy, *operation, author, now)
                .map(Answer::Undone),
            Action::Snapshot(message) => Ok(Answer::Recorded(self.snapshot(message.clone(), now))),
            Action::Restore(revision, message) => self
                .restore(*revision, message.clone(), now)
                .map(Answer::Recorded),
            Action::Prune(keep) => Ok(Answer::Count(self.prune(*keep))),
            Action::Expire => Ok(Answer::Count(self.expire(now))),
            Action::Gc(during) => {
                let Some((target, edits)) = during else {
                    self.collect(now, between);
                    return Ok(Answer::Done);
                };
                let author = Author::default();
                let change = |model: &mut Self| model.change(*target, edits, &author, None, now);
                // The change may be made while the collection is stuck anywhere.
                let mut changed = self.clone();
                if change(&mut changed).is_ok() {
                    between.push(changed.clone());
                    changed.collect(now, between);
                }
                self.collect(now, between);
                between.push(self.clone());
                change(self).map(Answer::Moved)
            }
            Action::IssueGrant(at, scope, expires, budget) => {
                let id = GrantId::from_bytes(*id.as_bytes());
                self.issue_grant(id, *at, scope, *expires, *budget, now)?;
                Ok(Answer::Granted(id))
            }
            Action::AttenuateGrant(of, scope, expires, budget) => {
                let id = GrantId::from_bytes(*id.as_bytes());
                self.attenuate_grant(id, *of, scope, *expires, *budget, now)?;
                Ok(Answer::Granted(id))
            }
            Action::RevokeGrant(id) => {
                self.revoke_grant(*id)?;
                Ok(Answer::Done)
            }
            Action::Held(id, held) => self.held(*id, held, now),
            Action::Collect(..) | Action::Store(_) => Ok(Answer::Done),
            Action::Upkeep(_, keep) => Ok(Answer::Kept(self.keep_house(*keep, now, between))),
            _ => self.look(action, now),
        }
    }

    fn collect(&mut self, now: Timestamp, between: &mut Vec<Self>) {
        self.expire(now);
        between.push(self.clone());
        self.forget(now);
    }

    /// Does one thing after the other, as upkeep does them in the smallest steps.
    fn keep_house(
        &mut self,
        keep: Option<KeepRevisions>,
        now: Timestamp,
        between: &mut Vec<Self>,
    ) -> [u64; 3] {
        let mut expired = 0;
        while let Some(id) = self.first_expired(now) {
            expired += self.close(id, now);
            between.push(self.clone());
        }
        let mut forgotten = 0;
        while let Some(id) = self.first_to_forget(now) {
            self.copies.remove(&id);
            between.push(self.clone());
            forgotten += 1;
        }
        let mut kept = self.clone();
        let pruned = keep.map_or(0, |keep| kept.prune(keep));
        for _ in 0..pruned {
            self.revisions.pop_first();
            between.push(self.clone());
        }
        [expired, forgotten, pruned]
    }

    fn look(&mut self, action: &Action, now: Timestamp) -> Outcome<Answer> {
        Ok(match action {
            Action::Stat(place, path) => Answer::Entry(self.files(*place, now)?.show(path)),
            Action::List(place, path, after, limit) => {
                let files = self.directory(*place, path, now)?;
                let children = files
                    .below(path)
                    .filter(|(child, _)| child.parent().as_ref() == Some(path));
                let named =
                    children.filter_map(|(child, _)| Some((child.name()?, files.show(child)?)));
                // By name: paths order otherwise, as `/` comes after `-`.
                let mut named: Vec<_> = named
                    .filter(|(name, _)| after.as_ref().is_none_or(|after| name > after))
                    .collect();
                named.sort_by(|(a, _), (b, _)| a.cmp(b));
                let page = named.into_iter().take(*limit);
                Answer::Entries(
                    page.map(|(name, shown)| (name.to_string(), shown))
                        .collect(),
                )
            }
            Action::Read(place, path, range) => {
                let files = self.files(*place, now)?;
                let bytes = match files.get(path) {
                    Some(Thing::File(file)) => file.bytes.clone(),
                    Some(Thing::Directory) => return Err(ErrorKind::IsADirectory.into()),
                    Some(Thing::Symlink(..)) => return Err(ErrorKind::Invalid.into()),
                    None => return Err(ErrorKind::NotFound.into()),
                };
                Answer::Bytes(match range {
                    None => bytes,
                    Some(range) => {
                        let clamp = |at: u64| (at as usize).min(bytes.len());
                        Bytes::copy_from_slice(&bytes[clamp(range.start)..clamp(range.end)])
                    }
                })
            }
            Action::Walk(place, path) => {
                let files = self.directory(*place, path, now)?;
                let paths = files.depth_first(path).into_iter();
                let shown = paths.filter_map(|path| Some((path.to_string(), files.show(path)?)));
                Answer::Entries(shown.collect())
            }
            Action::Diff(from, to, below, renames, after, limit) => {
                let (from, to) = (self.files(*from, now)?, self.files(*to, now)?);
                let mut all = from.differences(&to, below, *renames);
                all.retain(|(path, ..)| after.as_ref().is_none_or(|after| path > after));
                all.truncate(*limit);
                Answer::Differences(all)
            }
            Action::Copies(open_only, after, limit) => {
                let copies = self.copies.iter().filter(|(id, copy)| {
                    let wanted = !open_only || copy.state == CopyState::Open;
                    wanted && after.is_none_or(|after| **id > after)
                });
                Answer::Copies(copies.take(*limit).map(|(id, _)| *id).collect())
            }
            Action::Operations(copy, after, limit) => {
                let count = self.any_copy(*copy)?.operations.len() as u64;
                let ids = after.map_or(0, OperationId::get) + 1..=count;
                Answer::Numbers(ids.take(*limit).collect())
            }
            Action::Revisions(before, limit) => {
                let ids = self.revisions.keys().rev();
                let wanted = ids.filter(|id| before.is_none_or(|before| **id < before));
                Answer::Numbers(wanted.take(*limit).map(|id| id.get()).collect())
            }
            Action::Find(text) => {
                let named = self.copies.iter().find(|(_, copy)| {
                    copy.state == CopyState::Open && copy.name.as_ref() == Some(text)
                });
                let id = match named {
                    Some((id, _)) => Some(*id),
                    None => text.parse().ok().filter(|id| self.copies.contains_key(id)),
                };
                Answer::Copies(vec![id.ok_or(ErrorKind::NotFound)?])
            }
            writing => unreachable!("{writing:?} does not only look"),
        })
    }

    fn files(&mut self, place: Place, now: Timestamp) -> Outcome<Rc<Files>> {
        match place {
            Place::Head => Ok(Rc::clone(&self.head.files)),
            Place::Copy(id) => self.copy_files(id, now),
            Place::Revision(id) => self.revision_files(id),
        }
    }

    fn revision_files(&self, id: RevisionId) -> Outcome<Rc<Files>> {
        let revision = self.revisions.get(&id).ok_or(ErrorKind::NotFound)?;
        Ok(Rc::clone(&revision.files))
    }

    fn directory(&mut self, place: Place, path: &TreePath, now: Timestamp) -> Outcome<Rc<Files>> {
        let files = self.files(place, now)?;
        match files.get(path) {
            Some(Thing::Directory) => Ok(files),
            Some(_) => Err(ErrorKind::NotADirectory.into()),
            None => Err(ErrorKind::NotFound.into()),
        }
    }
}
