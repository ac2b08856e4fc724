//! Calls that are made once, on both sides.

use std::rc::Rc;

use bytes::Bytes;
use workspace_core::{
    ApplyOptions, Changed, CopyId, ErrorKind, GrantId, MemoKey, Once, Repeat, RequestHash, Result,
    Timestamp, Workspace,
};

use super::action::{Action, Held};
use super::check::{Checked, told};
use super::perform::{self, Kept};
use super::show::Answer;
use super::state::{Model, Outcome};

/// The keys that are used in a run.
pub(super) const KEYS: [&str; 4] = ["a", "b", "c", "d"];

/// A memo of the model.
#[derive(Debug, Clone, PartialEq)]
pub struct Memo {
    request: u8,
    answer: Bytes,
    at: Timestamp,
}

/// Whose a memo is, and its key.
pub type MemoOf = (Option<GrantId>, MemoKey);

/// What is kept of an answer.
fn kept(answer: &Answer) -> Bytes {
    format!("{answer:?}").into()
}

fn hash(request: u8) -> RequestHash {
    RequestHash::of([&[request][..]])
}

/// Performs a call once for its key.
pub(super) async fn perform(
    workspace: &Workspace,
    call: &Action,
    key: &MemoKey,
    request: u8,
    left: &Kept,
) -> Result<Answer> {
    let request = hash(request);
    let changed = |changed: &Changed| Answer::Moved((changed.generation, changed.operation));
    match call.clone() {
        Action::Change(target, edits, author, expected) => {
            let (changes, options) = perform::batch(&edits, author, expected, left);
            let files = workspace.files(perform::at(target));
            let answer = |made: &Changed| Ok(kept(&changed(made)));
            let answer = &answer;
            let once = Once {
                key,
                of_a_part: false,
                request,
                answer,
            };
            Ok(read(
                files.change_once(changes, options, &once).await?,
                changed,
            ))
        }
        Action::Held(id, Held::Change(edits)) => {
            let view = perform::view_of(workspace, &id, left)?;
            let (changes, options) = perform::batch(&edits, Default::default(), None, left);
            let answer = |made: &Changed| Ok(kept(&changed(made)));
            let answer = &answer;
            let once = Once {
                key,
                of_a_part: false,
                request,
                answer,
            };
            Ok(read(
                view.change_once(changes, options, &once).await?,
                changed,
            ))
        }
        Action::Fork(of, name, expires) => {
            let of_copy = |copy: &workspace_core::store::CopyRecord| Answer::Copies(vec![copy.id]);
            let answer = |made: &_| Ok(kept(&of_copy(made)));
            let answer = &answer;
            let once = Once {
                key,
                of_a_part: false,
                request,
                answer,
            };
            let options = perform::fork(of, name, expires);
            Ok(read(workspace.fork_once(options, &once)?, of_copy))
        }
        Action::Discard(copy) => {
            let answer = &|_: &_| Ok(kept(&Answer::Done));
            let once = Once {
                key,
                of_a_part: false,
                request,
                answer,
            };
            Ok(read(workspace.discard_once(copy, &once)?, |_| Answer::Done))
        }
        Action::Apply(copy, expect, message, only, rebase) => {
            let options: ApplyOptions =
                perform::apply(workspace, copy, expect, message, &only, rebase)?;
            let answer = &|made: &_| Ok(kept(&Answer::Applied(*made)));
            let once = Once {
                key,
                of_a_part: false,
                request,
                answer,
            };
            let applied = workspace.apply_once(copy, options, &once)?;
            Ok(read(applied, |made| Answer::Applied(*made)))
        }
        other => unreachable!("{other:?} is not made once"),
    }
}

fn read<T>(repeat: Repeat<T>, of: impl Fn(&T) -> Answer) -> Answer {
    match repeat {
        Repeat::First(made) => of(&made),
        Repeat::Again(answer) => Answer::Bytes(answer),
    }
}

impl Model {
    /// Makes a call once for its key.
    pub(super) fn once(
        &mut self,
        call: &Action,
        key: &MemoKey,
        request: u8,
        id: CopyId,
        now: Timestamp,
    ) -> Outcome<Answer> {
        let holder = match call {
            Action::Held(id, Held::Change(edits)) => {
                self.check_held(*id, edits, now)?;
                Some(*id)
            }
            _ => None,
        };
        let of = (holder, key.clone());
        if let Some(memo) = self.memo(&of, now) {
            return match memo.request == request {
                true => Ok(Answer::Bytes(memo.answer.clone())),
                false => Err(ErrorKind::Invalid.into()),
            };
        }
        let mut after = self.clone();
        let answer = after.act(call, id, now, &mut Vec::new())?;
        let memo = Memo {
            request,
            answer: kept(&answer),
            at: now,
        };
        after.memos.insert(of, Rc::new(memo));
        *self = after;
        Ok(answer)
    }

    /// Returns what is kept under a key.
    fn memo(&self, of: &MemoOf, now: Timestamp) -> Option<&Memo> {
        let memo = self.memos.get(of)?;
        self.is_kept(memo, now).then_some(memo.as_ref())
    }

    fn is_kept(&self, memo: &Memo, now: Timestamp) -> bool {
        memo.at.plus_millis(self.keep_memos) > now
    }

    /// Tells whether a memo that is kept no longer would be if it was `earlier`: whether it
    /// is there is not promised, as upkeep may have deleted it.
    pub(super) fn revives(&self, now: Timestamp, earlier: Timestamp) -> bool {
        let mut memos = self.memos.values();
        memos.any(|memo| !self.is_kept(memo, now) && self.is_kept(memo, earlier))
    }
}

/// Compares what is kept under each key, and under none.
pub(super) fn check(workspace: &Workspace, model: &Model) -> Checked {
    let now = workspace.now();
    let holders = std::iter::once(None).chain(model.grants.keys().copied().map(Some));
    for holder in holders {
        for key in KEYS {
            let key = MemoKey::new(key).map_err(told)?;
            let found = workspace.memo(holder.as_ref(), &key).map_err(told)?;
            let found = found.map(|memo| (memo.request, memo.answer, memo.at));
            let of = (holder, key);
            let wanted = model.memo(&of, now);
            let wanted = wanted.map(|memo| (hash(memo.request), memo.answer.clone(), memo.at));
            if found != wanted {
                return Err(format!("memo {of:?}: found {found:?}, wanted {wanted:?}"));
            }
        }
    }
    Ok(())
}
