//! Runs of a workspace: begun, asked of their files, ended.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;

use bytes::Bytes;
use futures::channel::oneshot;
use serde_json::json;
use workspace_core::store::{CopyRecord, CopyState};
use workspace_core::{
    Applied, ApplyOptions, At, CopyId, Error, ErrorKind, ForkOptions, Grant, ImportLimits, MemoKey,
    Once, Reason, Repeat, RequestHash, Result, RevisionMessage, Timestamp, Workspace,
};
use workspace_http::Calls;

use crate::limits::Limits;
use crate::order::{Order, hex};
use crate::outcome::{Cost, Ended, Execution, Fate, Outcome, Paths};
use crate::reply::Reply;
use crate::run::Files;

/// For how much longer than its run a copy is there, where nobody ends that: milliseconds.
const SLACK: i64 = 60_000;

/// The runs of a workspace: each reads one state of a copy, and what it writes is one
/// operation of the copy once it returned, or nothing.
pub struct Runs {
    workspace: Workspace,
    /// For what a crash may lose.
    unsynced: Workspace,
    calls: Calls,
    /// Tells this workspace from others.
    name: String,
    /// Those that go on, by their ids.
    going: RefCell<HashMap<String, Waiting>>,
}

/// Who waits for the end of a run that goes on.
type Waiting = Vec<oneshot::Sender<()>>;

/// A run.
#[derive(Debug)]
pub struct Run {
    order: Order,
    /// What it is over.
    parent: CopyId,
    files: Files,
    /// What it is loaded as.
    loaded_as: String,
    /// What its outcome is kept under.
    memo: Option<(MemoKey, RequestHash)>,
    began: Timestamp,
}

/// What beginning a run led to.
#[derive(Debug)]
pub enum Begun {
    /// It is to be executed, and ended.
    Fresh(Rc<Run>),
    /// A run of this id has ended, so: as JSON.
    Again(Bytes),
}

impl Runs {
    /// Returns the runs of a workspace, which `name` tells from others.
    pub fn new(workspace: Workspace, name: impl Into<String>) -> Self {
        Self {
            // What a run writes is thrown away in a crash; its end flushes it.
            calls: Calls::new(workspace.unsynced(), ImportLimits::default(), None, None),
            unsynced: workspace.unsynced(),
            workspace,
            name: name.into(),
            going: RefCell::default(),
        }
    }

    /// Begins a run: forks the copy that it is over. Where a run of the same id goes on, it
    /// waits for that; where one has ended, its outcome is returned.
    ///
    /// # Errors
    /// `Invalid`, `LimitExceeded` for what cannot be run, and where the id was that of
    /// another order; those of a fork.
    pub async fn begin(&self, order: Order) -> Result<Begun> {
        order.check()?;
        let grant = Grant::all().attenuate(order.scope.clone().into_core()?);
        self.waited(&order).await;
        self.fork(order, grant)
    }

    /// Waits until no run of this id goes on.
    pub(crate) async fn waited(&self, order: &Order) {
        while let Some(ended) = order.id.as_deref().and_then(|id| self.going(id)) {
            // Whoever ran it may be gone without a word.
            let _gone = ended.await;
        }
    }

    /// Returns the outcome of a run of this id that has ended.
    ///
    /// # Errors
    /// `Invalid` where that was another order; those of the stores.
    pub(crate) fn again(&self, order: &Order) -> Result<Option<Bytes>> {
        let Some((key, request)) = order.memo()? else {
            return Ok(None);
        };
        match self.workspace.memo(None, &key)? {
            None => Ok(None),
            Some(found) if found.request == request => Ok(Some(found.answer)),
            Some(_) => {
                Err(Error::invalid(Reason::KeyReused, "run")
                    .because("its id was that of another run"))
            }
        }
    }

    /// Calls a method of a run's files. Whatever is wrong is in the reply.
    pub async fn call(
        &self,
        run: &Run,
        method: &str,
        arguments: &str,
        contents: Option<Bytes>,
    ) -> Reply {
        run.files
            .call(&self.calls, method, arguments, contents)
            .await
    }

    /// Ends a run: applies what it wrote where it returned, and discards it otherwise. The
    /// outcome, as JSON, is stored with that; not where the platform failed or nobody waits
    /// for it any more: then it can be run again.
    ///
    /// # Errors
    /// Those of the stores; nothing of it was done then, or all.
    pub fn end(&self, run: &Run, execution: Execution) -> Result<Bytes> {
        let ended = self.close(run, execution);
        let id = run.order.id.as_deref().unwrap_or_default();
        let waiting = self.going.borrow_mut().remove(id);
        for told in waiting.into_iter().flatten() {
            // Who waited may be gone.
            let _gone = told.send(());
        }
        ended
    }

    /// Returns what waits for the end of a run that goes on.
    fn going(&self, id: &str) -> Option<oneshot::Receiver<()>> {
        let mut going = self.going.borrow_mut();
        let (told, ended) = oneshot::channel();
        going.get_mut(id)?.push(told);
        Some(ended)
    }

    /// Forks the copy of a run.
    fn fork(&self, order: Order, grant: Grant) -> Result<Begun> {
        if let Some(outcome) = self.again(&order)? {
            return Ok(Begun::Again(outcome));
        }
        let memo = order.memo()?;
        if memo.is_some() {
            // What comes of it has to be kept when all of it is done.
            self.workspace.check_memos()?;
        }
        let began = self.workspace.now();
        let parent = self.workspace.find_copy(&order.copy)?;
        let name = memo
            .as_ref()
            .map(|(_, request)| format!("run-{}", &hex(request.as_bytes())[..24]));
        if let Some(name) = &name {
            self.clear(name)?;
        }
        let until = began.as_millis() + i64::from(order.limits.millis) + SLACK;
        let options = ForkOptions::of_copy(parent.id).expires(Timestamp::from_millis(until));
        let copy = self.unsynced.fork(match name {
            Some(name) => options.name(name),
            None => options,
        })?;
        let part = json!({ "scope": order.scope, "actor": order.actor() });
        let files = Files::new(
            self.workspace.clone(),
            copy.id,
            At::Tree(copy.base),
            grant,
            part.to_string(),
            order.limits,
        );
        let run = Rc::new(Run {
            parent: parent.id,
            loaded_as: order.loaded_as(&self.name, parent.id),
            memo,
            files,
            began,
            order,
        });
        if let Some(id) = &run.order.id {
            self.going.borrow_mut().insert(id.clone(), Waiting::new());
        }
        Ok(Begun::Fresh(run))
    }

    /// Throws away what a run left that came to no end: nobody works in it any more. Its parent
    /// may be another one than it was. What has its name and is no run's, for it is there for
    /// longer, stays, and so the name is taken.
    fn clear(&self, name: &str) -> Result<()> {
        let longest = i64::from(Limits::MOST.millis) + SLACK;
        let is_left = |copy: &CopyRecord| {
            let until = copy.created.plus_millis(longest);
            copy.expires.is_some_and(|expires| expires <= until)
        };
        match self.workspace.find_copy(name) {
            Ok(left) if is_left(&left) => self.workspace.discard(left.id).map(drop),
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn close(&self, run: &Run, execution: Execution) -> Result<Bytes> {
        let taken = run.files.close();
        let (read, more) = taken.read.into_parts();
        let (denied, _) = taken.denied.into_parts();
        let millis = self.workspace.now().as_millis() - run.began.as_millis();
        let mut ended = execution.ended;
        if let Some(limit) = taken.limit.or_else(|| run.order.too_long(&ended)) {
            ended = Ended::Limit { limit };
        }
        let outcome = Outcome {
            id: run.order.id.clone(),
            ended: run.order.program.located(ended),
            console: execution.console,
            left_out: execution.left_out,
            files: Fate::Discarded,
            read: Paths { paths: read, more },
            written: run.files.written(),
            denied,
            cost: Cost {
                millis: millis.max(0) as u64,
                calls: taken.calls,
                bytes_read: taken.bytes_read,
                bytes_written: taken.bytes_written,
            },
        };
        match outcome.ended {
            // It can be run again, so nothing is kept of it.
            _ if execution.guessed => self.drop(run, &outcome),
            Ended::Platform { .. } | Ended::Cancelled => self.drop(run, &outcome),
            Ended::Returned { .. } => self.apply(run, outcome),
            _ => self.discard(run, &outcome),
        }
    }

    /// Applies what a run wrote to the copy that it is over, with its outcome.
    fn apply(&self, run: &Run, mut outcome: Outcome) -> Result<Bytes> {
        let copy = run.files.copy();
        let message = RevisionMessage::default()
            .actor(run.order.actor())
            .message(run.order.note.clone());
        // Where that copy was applied meanwhile, what was forked of it has another parent: what
        // the run wrote is for nobody else, and head least of all.
        let options = ApplyOptions::default()
            .message(message)
            .rebase(true)
            .expect_parent(At::Copy(run.parent));
        let answer = |applied: &Applied| match applied {
            Applied::ToParent { operation, .. } => outcome.with(Fate::Applied {
                operation: operation.get(),
            }),
            Applied::Unchanged { .. } => outcome.with(Fate::Unchanged),
            Applied::Published { .. } => {
                Err(Error::new(ErrorKind::Corrupt, "run").because("a run was published"))
            }
        };
        let applied = match &run.memo {
            None => self.workspace.apply(copy, options).map(Repeat::First),
            Some((key, request)) => {
                let once = Once {
                    key,
                    of_a_part: false,
                    request: *request,
                    answer: &answer,
                };
                self.workspace.apply_once(copy, options, &once)
            }
        };
        let error = match applied {
            Ok(Repeat::First(applied)) => {
                if !matches!(applied, Applied::ToParent { .. }) {
                    // There is nothing in it; where this fails, it expires.
                    let _expires = self.workspace.discard(copy);
                }
                return answer(&applied);
            }
            Ok(Repeat::Again(answer)) => return Ok(answer),
            Err(error) => error,
        };
        outcome.files = match (error.kind(), error.conflict()) {
            (ErrorKind::Conflict, Some(conflict)) => Fate::conflict(conflict, run.files.grant()),
            (ErrorKind::Closed | ErrorKind::NotFound, _) => return self.gone(run, outcome),
            // It is discarded, as all that is right below a copy that is discarded.
            (ErrorKind::Stale, _) => Fate::Discarded,
            // What the stores could not do they may do later.
            (ErrorKind::Unavailable | ErrorKind::StorageFull | ErrorKind::Locked, _) => {
                return Err(error);
            }
            (kind, _) => Fate::Refused {
                code: kind.code().into(),
            },
        };
        self.discard(run, &outcome)
    }

    /// Tells of a run whose copy is closed: with the one that it is over, in which nothing can
    /// be run again; or by itself, for its time was up, and then the platform took too long.
    fn gone(&self, run: &Run, mut outcome: Outcome) -> Result<Bytes> {
        if self.workspace.copy(run.parent)?.state == CopyState::Open {
            outcome.ended = Ended::Platform {
                cause: "its copy was closed before it had ended".into(),
            };
        }
        outcome.told()
    }

    /// Throws away what a run wrote, and keeps its outcome.
    fn discard(&self, run: &Run, outcome: &Outcome) -> Result<Bytes> {
        let Some((key, request)) = &run.memo else {
            return self.drop(run, outcome);
        };
        let once = Once {
            key,
            of_a_part: false,
            request: *request,
            answer: &|_: &_| outcome.told(),
        };
        match self.workspace.discard_once(run.files.copy(), &once) {
            Ok(Repeat::First(_)) => outcome.told(),
            Ok(Repeat::Again(answer)) => Ok(answer),
            Err(error) if matches!(error.kind(), ErrorKind::Closed | ErrorKind::NotFound) => {
                self.gone(run, outcome.clone())
            }
            Err(error) => Err(error),
        }
    }

    /// Throws away what a run wrote, and keeps nothing of it.
    fn drop(&self, run: &Run, outcome: &Outcome) -> Result<Bytes> {
        match self.workspace.discard(run.files.copy()) {
            Ok(_) => outcome.told(),
            Err(error) if matches!(error.kind(), ErrorKind::Closed | ErrorKind::NotFound) => {
                outcome.told()
            }
            Err(error) => Err(error),
        }
    }
}

impl Run {
    /// Returns what it is to run.
    pub fn order(&self) -> &Order {
        &self.order
    }

    /// Returns what tells its code and authority from those of others.
    pub fn loaded_as(&self) -> &str {
        &self.loaded_as
    }

    /// Returns the limit that it has come to, of calls or bytes: it need not go on.
    pub fn limit(&self) -> Option<crate::Limit> {
        self.files.limit()
    }
}

impl fmt::Debug for Runs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runs").finish_non_exhaustive()
    }
}
