//! One workspace and one model, side by side.

use std::ops::Deref;

use workspace_core::{
    At, CopyId, ErrorKind, FsckOptions, FsckReport, Options, Result, Timestamp, TreePath, Walk,
    Workspace,
};

use super::action::{Action, Held, Place};
use super::check::{Checked, Trees};
use super::choose::{Chooser, Taste};
use super::feed::Feed;
use super::perform::{Kept, perform};
use super::predict::{Prediction, predict};
use super::run::Tally;
use super::show::{Answer, Shown};
use super::state::{Failure, Model, Outcome};
use crate::context::TestContext;
use crate::fault::{FaultPlan, FaultyBlobs, FaultyMeta};
use crate::random::Random;
use crate::storage::Storage;

/// How long closed copies are remembered here, in milliseconds.
pub(super) const KEEP_CLOSED_COPIES: i64 = 20_000;

/// How long memos are kept here, in milliseconds.
const KEEP_MEMOS: i64 = 25_000;

/// How many events are kept here: more than one call makes.
const KEEP_EVENTS: u64 = 200;

/// A run over one workspace.
pub(super) struct Session<'a> {
    storage: &'a dyn Storage,
    plan: FaultPlan,
    faults: f64,
    context: TestContext,
    workspace: Handle,
    model: Model,
    trees: Trees,
    feed: Feed,
    taste: Taste,
    /// A walk under way, and what it still has to find.
    held: Option<(Walk, Vec<(String, Shown)>)>,
    /// Contents that no tree refers to yet.
    kept: Kept,
    pub(super) tally: Tally,
    /// What was done, for a report.
    pub(super) log: Option<Vec<String>>,
}

impl<'a> Session<'a> {
    /// Creates a workspace in empty storage. The taste of a session, and its
    /// ids, are those of `seed`; `faults` is the probability that a store call
    /// fails.
    pub(super) fn new(storage: &'a dyn Storage, seed: u64, faults: f64) -> Self {
        let plan = FaultPlan::new();
        let context = TestContext::new(seed);
        let workspace = Workspace::create(
            Box::new(FaultyMeta::new(storage.meta(), &plan)),
            std::sync::Arc::new(FaultyBlobs::new(storage.blobs(), &plan)),
            context.context(),
            options(),
        );
        let now = context.now();
        Self {
            storage,
            plan,
            faults,
            context,
            workspace: Handle(Some(workspace.expect("the storage is empty"))),
            model: Model::new(now, KEEP_CLOSED_COPIES, KEEP_MEMOS),
            trees: Trees::default(),
            feed: Feed::default(),
            taste: Taste {
                long_names: seed.is_multiple_of(3),
            },
            held: None,
            kept: Kept::default(),
            tally: Tally::default(),
            log: None,
        }
    }

    /// Chooses an action by `bits` and performs it on both sides.
    pub(super) async fn step(&mut self, bits: u64) -> Checked {
        let mut random = Random::new(bits);
        let now = self.context.now();
        self.context.advance(match random.below(80) {
            0 | 1 => 10_000,
            2 if !self.model.revives(now, now.plus_millis(-2_000)) => -2_000,
            _ => 10,
        });
        if random.below(40) == 0 {
            self.reopen()?;
        }
        if random.below(30) == 0 {
            self.walk_on(&mut random)?;
        }
        self.walk_a_tree(&mut random)?;
        let fault_seed = random.bits();
        let reopens = random.below(2) == 0;
        let action = Chooser {
            random,
            model: &self.model,
            kept: &self.kept,
            now: self.context.now(),
            taste: self.taste,
        }
        .action();
        let faults = self.faults;
        let arm = |plan: &FaultPlan| {
            if faults > 0.0 {
                plan.fail_randomly(fault_seed, faults);
            }
        };
        let meanwhile = self.faults > 0.0 && fault_seed.is_multiple_of(3);
        let meanwhile = meanwhile.then_some(fault_seed);
        self.act(&action, arm, reopens, meanwhile).await.map(drop)
    }

    /// Performs an action on both sides, the facade over stores that fail as
    /// `arm` says; returns how many store calls it made, and which had an effect. After a fault the
    /// workspace is opened again if `reopens`, somebody else writes what `meanwhile` is the
    /// seed of, and the action is repeated.
    pub(super) async fn act(
        &mut self,
        action: &Action,
        arm: impl FnOnce(&FaultPlan),
        reopens: bool,
        meanwhile: Option<u64>,
    ) -> Checked<(u64, Vec<u64>)> {
        let prediction = self.predict(action);
        self.note(|| format!("{action:?}"));
        self.plan.reopen();
        arm(&self.plan);
        let outcome = perform(&self.workspace, action, &self.kept).await;
        let (calls, faults) = (self.plan.calls(), self.plan.faults());
        let effects = self.plan.effects();
        self.plan.reopen();
        self.tally.count(&outcome, faults);
        if faults == 0 {
            self.settle(outcome, prediction)?;
        } else {
            self.recover(action, outcome, prediction, reopens, meanwhile)
                .await?;
        }
        if writes(action) {
            self.trees.state(&self.workspace, &self.model)?;
            self.feed.follow(&self.workspace)?;
        }
        if let Action::Gc(None) = action {
            self.check_garbage().await?;
        }
        self.model.bury(self.context.now());
        Ok((calls, effects))
    }

    /// Returns the present time.
    pub(super) fn now(&self) -> Timestamp {
        self.context.now()
    }

    /// Lets `millis` pass.
    pub(super) fn wait(&self, millis: i64) {
        self.context.advance(millis);
    }

    /// Returns the id that the next fork will have.
    pub(super) fn next_copy(&self) -> CopyId {
        CopyId::from_bytes(self.context.peek())
    }

    /// Checks everything once more, contents as well.
    pub(super) async fn finish(&mut self) -> Checked {
        self.held = None;
        self.reopen()?;
        self.trees.state(&self.workspace, &self.model)?;
        self.check_garbage().await?;
        self.feed.follow(&self.workspace)
    }

    fn predict(&self, action: &Action) -> Prediction {
        predict(&self.model, action, self.next_copy(), self.context.now())
    }

    fn note(&mut self, line: impl FnOnce() -> String) {
        if let Some(log) = &mut self.log {
            log.push(line());
        }
    }

    /// Takes the model on, where the outcome is the predicted one.
    fn settle(&mut self, outcome: Result<Answer>, prediction: Prediction) -> Checked {
        self.note(|| format!("    {outcome:?}"));
        compare(outcome, &prediction.outcome)?;
        self.model = prediction.model;
        Ok(())
    }

    /// Finds out in what state an interrupted call left things, and repeats it.
    async fn recover(
        &mut self,
        action: &Action,
        outcome: Result<Answer>,
        prediction: Prediction,
        reopens: bool,
        meanwhile: Option<u64>,
    ) -> Checked {
        self.note(|| format!("    after a fault: {outcome:?}"));
        let unavailable = matches!(&outcome, Err(error) if error.kind() == ErrorKind::Unavailable);
        // A failed deletion of what nobody needs is not worth an error.
        let tolerated = outcome.is_ok();
        if !unavailable {
            compare(outcome, &prediction.outcome)?;
        }
        if reopens {
            self.reopen()?;
        }
        let between = match (tolerated, action) {
            (true, Action::Import(..)) | (false, _) => prediction.between,
            (true, _) => Vec::new(),
        };
        self.trees.doubt();
        let mut whys = Vec::new();
        let mut candidates = std::iter::once(prediction.model).chain(between);
        let found = candidates.find(|candidate| {
            let checked = self.trees.state(&self.workspace, candidate);
            checked.map_err(|why| whys.push(why)).is_ok()
        });
        self.model = found
            .ok_or_else(|| format!("an interrupted call left a state in between: {whys:#?}"))?;
        self.check_integrity(FsckOptions::default()).await?;
        if !unavailable {
            return Ok(());
        }
        if let Some(bits) = meanwhile {
            self.write_meanwhile(bits).await?;
        }
        let prediction = self.predict(action);
        let outcome = perform(&self.workspace, action, &self.kept).await;
        self.note(|| "    again:".into());
        self.settle(outcome, prediction)
    }

    /// Makes some batch of changes between a call that failed and its repetition.
    async fn write_meanwhile(&mut self, bits: u64) -> Checked {
        let write = Chooser {
            random: Random::new(bits),
            model: &self.model,
            kept: &self.kept,
            now: self.context.now(),
            taste: self.taste,
        }
        .change();
        self.note(|| format!("    meanwhile: {write:?}"));
        let prediction = self.predict(&write);
        let outcome = perform(&self.workspace, &write, &self.kept).await;
        self.settle(outcome, prediction)
    }

    /// Walks a tree that was met before: one that something keeps is there, and any
    /// other is all there or not at all.
    fn walk_a_tree(&self, random: &mut Random) -> Checked {
        if random.below(3) == 0 {
            return match self.trees.kept(&self.workspace, &self.model, random)? {
                Some(tree) => self.trees.walk(&self.workspace, tree, true),
                None => Ok(()),
            };
        }
        match self.trees.any(random) {
            Some(tree) => self.trees.walk(&self.workspace, tree, false),
            None => Ok(()),
        }
    }

    fn reopen(&mut self) -> Checked {
        self.held = None;
        self.kept.drop_contents();
        self.trees.doubt();
        self.workspace = Handle(None);
        let workspace = Workspace::open(
            Box::new(FaultyMeta::new(self.storage.meta(), &self.plan)),
            std::sync::Arc::new(FaultyBlobs::new(self.storage.blobs(), &self.plan)),
            self.context.context(),
            options(),
        );
        self.note(|| "(reopen)".into());
        self.workspace = Handle(Some(workspace.map_err(|error| error.to_string())?));
        Ok(())
    }

    /// Begins a walk, or finishes the one that was begun some calls ago.
    fn walk_on(&mut self, random: &mut Random) -> Checked {
        if let Some((walk, wanted)) = self.held.take() {
            let seen = walk.map(|step| step.map(|(path, entry)| (path.to_string(), entry.into())));
            let seen: Result<Vec<(String, Shown)>> = seen.collect();
            let seen = seen.map_err(|error| format!("a held walk: {error}"))?;
            return match seen == wanted {
                true => Ok(()),
                false => Err(format!("a held walk: found {seen:?}, wanted {wanted:?}")),
            };
        }
        let copies: Vec<_> = self.model.copies.keys().copied().collect();
        let place = random
            .choose(&copies)
            .map_or(Place::Head, |id| Place::Copy(*id));
        let all = Action::Walk(place, TreePath::root());
        let Ok(Answer::Entries(mut wanted)) = self.predict(&all).outcome else {
            return Ok(());
        };
        let at = match place {
            Place::Copy(id) => At::Copy(id),
            _ => At::Head,
        };
        let walk = self.workspace.files(at).walk(&TreePath::root());
        let mut walk = walk.map_err(|error| error.to_string())?;
        for _ in 0..random.below(wanted.len() + 1) {
            walk.next();
            wanted.remove(0);
        }
        self.note(|| format!("(walk of {place:?})"));
        self.held = Some((walk, wanted));
        Ok(())
    }

    async fn check_integrity(&self, options: FsckOptions) -> Checked<FsckReport> {
        let report = self.workspace.fsck(options).await;
        let report = report.map_err(|error| error.to_string())?;
        match report.problems.is_empty() {
            true => Ok(report),
            false => Err(format!("fsck: {:?}", report.problems)),
        }
    }

    /// Nothing is wrong, and after a whole collection nothing is left over.
    async fn check_garbage(&mut self) -> Checked {
        let told = |error: workspace_core::Error| format!("{error}");
        self.kept.drop_contents();
        self.workspace.gc(|_| {}).await.map_err(told)?;
        let report = self
            .check_integrity(FsckOptions::default().contents(true))
            .await?;
        self.model.expire(self.context.now());
        self.model.forget(self.context.now());
        if self.held.is_some() {
            return Ok(());
        }
        let usage = self.workspace.usage().map_err(told)?;
        let blobs = self.storage.blobs();
        let objects = blobs.list(None, usize::MAX).await.map_err(told)?.len() as u64;
        let found = (
            usage.nodes,
            usage.inline_contents + usage.object_contents,
            objects,
        );
        let wanted = (report.nodes, report.contents, usage.object_contents);
        match found == wanted {
            true => Ok(()),
            false => Err(format!(
                "after collection: found {found:?} nodes, contents and objects, wanted {wanted:?}"
            )),
        }
    }
}

/// The workspace; none between a crash and the reopening, as a database file
/// may have one connection only.
struct Handle(Option<Workspace>);

impl Deref for Handle {
    type Target = Workspace;

    fn deref(&self) -> &Workspace {
        self.0.as_ref().expect("it is open again")
    }
}

fn options() -> Options {
    Options::default()
        .inline_limit(super::INLINE_LIMIT)
        // Small, so that nodes leave the cache and come back.
        .node_cache(16 << 10)
        .keep_closed_copies(KEEP_CLOSED_COPIES)
        .keep_events(KEEP_EVENTS)
        .keep_memos(KEEP_MEMOS)
}

/// Tells whether an action may change what can be seen.
fn writes(action: &Action) -> bool {
    !matches!(
        action,
        Action::Store(_)
            | Action::Stat(..)
            | Action::List(..)
            | Action::Read(..)
            | Action::Walk(..)
            | Action::Diff(..)
            | Action::Copies(..)
            | Action::Operations(..)
            | Action::Revisions(..)
            | Action::Find(..)
    ) && !matches!(action, Action::Held(_, held) if !matches!(held, Held::Change(_)))
}

fn compare(found: Result<Answer>, wanted: &Outcome<Answer>) -> Checked {
    let said = found.as_ref().err().map(ToString::to_string);
    let found = found.map_err(|error| Failure {
        kind: error.kind(),
        conflict: error.conflict().cloned(),
    });
    match found == *wanted {
        true => Ok(()),
        false => Err(format!(
            "outcome: found {found:?} ({}), wanted {wanted:?}",
            said.unwrap_or_default()
        )),
    }
}
