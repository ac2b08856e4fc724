//! One workspace, the tasks' common knowledge of it, and what must be true of it.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use workspace_core::store::BlobStore;
use workspace_core::{
    At, ContentId, CopyId, Entry, Error, ErrorKind, ForkOptions, Options, Result, TreeId, TreePath,
    Workspace,
};

use super::blobs::SlowBlobs;
use super::tally::Tally;
use crate::context::TestContext;
use crate::fault::{FaultPlan, FaultyBlobs, FaultyMeta};
use crate::random::Random;
use crate::storage::Storage;

/// How long closed copies are remembered, in milliseconds.
pub(super) const KEEP_CLOSED_COPIES: i64 = 20_000;
/// Contents of up to this many bytes are kept in rows.
pub(super) const INLINE_LIMIT: usize = 64;
/// How likely a store call fails, in the seeds that have faults.
const FAULTS: f64 = 0.002;

/// The files of a tree by path, directories left out.
pub(super) type Files = BTreeMap<TreePath, ContentId>;

/// What is expected of the files of head or of a copy.
#[derive(Debug, Default)]
struct Known {
    files: Files,
    /// How often a call that may change anybody's path has changed this one.
    stirred: BTreeMap<TreePath, u64>,
}

/// A task's own files, as they were when it began a call.
#[derive(Debug, Clone)]
pub(super) struct Own {
    pub(super) files: Files,
    stirred: BTreeMap<TreePath, u64>,
    /// What the call renames: where to, and where from.
    renamed: Vec<(TreePath, TreePath)>,
}

impl Own {
    /// Takes down that the call renames a path: what is at `to` then is what was at
    /// `from` just before.
    pub(super) fn rename(&mut self, from: TreePath, to: TreePath) {
        self.renamed.push((to, from));
    }

    /// Tells whether what the call made of a path may rest on what somebody else did
    /// since it began.
    fn is_stirred(&self, known: &Known, path: &TreePath) -> bool {
        let of_itself = |path| known.stirred.get(path) != self.stirred.get(path);
        let mut renamed = self.renamed.iter().filter(|(to, _)| to == path);
        of_itself(path) || renamed.any(|(_, from)| of_itself(from))
    }
}

/// How a call on a task's own files ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It was acknowledged.
    Done,
    /// It was refused, and is to have changed nothing.
    Refused(ErrorKind),
    /// It was dropped half-way, or storage failed: it may have happened, as a whole.
    Unclear,
    /// As `Unclear`, file by file: an import is several commits.
    Partial,
}

/// The workspace that the tasks share.
pub(super) struct World<'a> {
    pub(super) workspace: Workspace,
    pub(super) context: TestContext,
    pub(super) plan: FaultPlan,
    pub(super) tally: RefCell<Tally>,
    /// The copies that the tasks work in.
    pub(super) slots: RefCell<Vec<CopyId>>,
    /// Whether names are so long that a few entries fill a node.
    pub(super) long_names: bool,
    /// The last event that the reader of the feed has seen.
    pub(super) followed: Cell<u64>,
    known: RefCell<HashMap<At, Known>>,
    /// The trees that were walked.
    seen: RefCell<HashMap<TreeId, Rc<Files>>>,
    looks: Cell<u64>,
    /// What was done, for a report.
    log: Option<&'a RefCell<Vec<String>>>,
}

impl<'a> World<'a> {
    /// Creates a workspace in empty storage, with a directory of each task's own in
    /// head and in each of the copies.
    pub(super) fn new(
        storage: &dyn Storage,
        seed: u64,
        tasks: usize,
        random: &mut Random,
        log: Option<&'a RefCell<Vec<String>>>,
    ) -> Self {
        let plan = FaultPlan::new();
        let context = TestContext::new(seed);
        let blobs: Arc<dyn BlobStore> = Arc::new(FaultyBlobs::new(storage.blobs(), &plan));
        let options = Options::default()
            .inline_limit(INLINE_LIMIT)
            .node_cache([0, 16 << 10][random.below(2)])
            .keep_closed_copies(KEEP_CLOSED_COPIES)
            .keep_events([20, 10_000][random.below(2)])
            .keep_operations([4, 10_000][random.below(2)]);
        let workspace = Workspace::create(
            Box::new(FaultyMeta::new(storage.meta(), &plan)),
            Arc::new(SlowBlobs::new(blobs, Random::new(random.bits()))),
            context.context(),
            options,
        );
        let world = Self {
            workspace: workspace.expect("the storage is empty"),
            context,
            plan,
            tally: RefCell::default(),
            slots: RefCell::default(),
            long_names: random.below(4) == 0,
            followed: Cell::new(0),
            known: RefCell::default(),
            seen: RefCell::default(),
            looks: Cell::default(),
            log,
        };
        super::task::furnish(&world, tasks);
        world.learn(At::Head);
        for _ in 0..[1, 3][random.below(2)] {
            let copy = world.workspace.fork(ForkOptions::default());
            let copy = copy.expect("nothing fails yet").id;
            world.learn(At::Copy(copy));
            world.slots.borrow_mut().push(copy);
        }
        if random.below(2) == 0 {
            world.plan.fail_randomly(random.bits(), FAULTS);
        }
        world
    }

    /// Adds to what a report shows.
    pub(super) fn note(&self, line: impl FnOnce() -> String) {
        if let Some(log) = self.log {
            log.borrow_mut().push(line());
        }
    }

    /// Counts a call's outcome, `None` for one that was dropped half-way.
    ///
    /// # Panics
    /// Where it failed with a kind that is not among `refusals`, and not by an
    /// injected fault.
    pub(super) fn count<T>(
        &self,
        what: &'static str,
        outcome: Option<&Result<T>>,
        refusals: &[ErrorKind],
    ) {
        let mut tally = self.tally.borrow_mut();
        let calls = tally.calls.entry(what).or_default();
        match outcome {
            None => calls.dropped += 1,
            Some(Ok(_)) => calls.done += 1,
            Some(Err(error)) if is_fault(error) => calls.failed += 1,
            Some(Err(error)) if refusals.contains(&error.kind()) => calls.refused += 1,
            Some(Err(error)) => panic!("{what}: {error} ({:?})", error.kind()),
        }
    }

    /// Returns the files at `at` as they are now; `None` for a copy that is closed. A
    /// tree that was walked before is walked again now and then.
    pub(super) fn see(&self, at: At) -> Option<Rc<Files>> {
        self.plan.quietly(|| {
            let tree = match self.workspace.tree(at) {
                Ok(tree) => tree,
                Err(error) if is_gone(error.kind()) => return None,
                Err(error) => panic!("looking at {at}: {error}"),
            };
            let mut seen = self.seen.borrow_mut();
            self.looks.set(self.looks.get() + 1);
            let known = seen.get(&tree);
            if let (Some(known), false) = (known, self.looks.get().is_multiple_of(16)) {
                return Some(Rc::clone(known));
            }
            let files = Rc::new(self.walk(at));
            if let Some(known) = known {
                assert_eq!(files, *known, "{at}: tree {tree} is another one by now");
            }
            seen.insert(tree, Rc::clone(&files));
            Some(files)
        })
    }

    fn walk(&self, at: At) -> Files {
        let walk = self.workspace.files(at).walk(&TreePath::root());
        let steps = walk.unwrap_or_else(|error| panic!("looking at {at}: {error}"));
        let files = steps.filter_map(|step| match step {
            Ok((path, Entry::File(file))) => Some((path, file.content)),
            Ok(_) => None,
            Err(error) => panic!("looking at {at}: {error}"),
        });
        files.collect()
    }

    /// Takes the files at `at` for right.
    pub(super) fn learn(&self, at: At) {
        let files = self.see(at).unwrap_or_default();
        let known = Known {
            files: Files::clone(&files),
            stirred: BTreeMap::new(),
        };
        self.known.borrow_mut().insert(at, known);
    }

    /// Expects nothing of `at` any more.
    pub(super) fn forget(&self, at: At) {
        self.known.borrow_mut().remove(&at);
    }

    /// Begins a call on a task's own files at `at`, which are those below `directory`;
    /// `None` where it is closed.
    ///
    /// # Panics
    /// Where they are not as they were last acknowledged.
    pub(super) fn begin(&self, at: At, directory: &TreePath) -> Option<Own> {
        let found = below(&*self.see(at)?, directory);
        let known = self.known.borrow();
        let known = known.get(&at)?;
        let files = below(&known.files, directory);
        assert_eq!(found, files, "{at}: {directory} is not as acknowledged");
        Some(Own {
            files,
            stirred: known.stirred.clone(),
            renamed: Vec::new(),
        })
    }

    /// Tells whether a path of a task's own was changed by somebody else since the
    /// call began, by right.
    pub(super) fn stirred(&self, at: At, own: &Own, path: &TreePath) -> bool {
        let known = self.known.borrow();
        known
            .get(&at)
            .is_none_or(|known| own.is_stirred(known, path))
    }

    /// Ends a call that was to leave the task's own files as `wanted`.
    ///
    /// # Panics
    /// Where it did something else.
    pub(super) fn end(&self, at: At, directory: &TreePath, own: &Own, wanted: &Files, end: End) {
        let Some(found) = self.see(at) else {
            return self.forget(at);
        };
        let found = below(&found, directory);
        let mut known = self.known.borrow_mut();
        let Some(known) = known.get_mut(&at) else {
            return;
        };
        // Somebody may have put what the call then removed.
        let expected = below(&known.files, directory);
        let mut paths: Vec<&TreePath> = expected.keys().collect();
        paths.extend(own.files.keys());
        paths.extend(wanted.keys());
        paths.extend(found.keys());
        paths.sort_unstable();
        paths.dedup();
        let (mut kept, mut made, mut stirred) = (true, true, false);
        for path in paths {
            let (old, new, now) = (own.files.get(path), wanted.get(path), found.get(path));
            match now {
                Some(now) => known.files.insert(path.clone(), *now),
                None => known.files.remove(path),
            };
            if own.is_stirred(known, path) {
                stirred = true;
                continue;
            }
            kept &= now == old;
            made &= now == new;
            let right = match end {
                End::Done => now == new,
                End::Refused(_) => now == old,
                End::Unclear | End::Partial => now == old || now == new,
            };
            assert!(
                right,
                "{at}: {path} is {now:?} after a call that ended {end:?}, from {old:?} to {new:?}"
            );
        }
        match end {
            End::Unclear => assert!(
                stirred || kept || made,
                "{at}: {directory}: half a batch of changes was made"
            ),
            End::Refused(kind) => assert!(
                stirred || !is_gone(kind),
                "{at}: {kind:?}, but it is open and {directory} is there"
            ),
            End::Done | End::Partial => {}
        }
    }

    /// Makes a call that may change any path at `at`, namely to `merged` where it
    /// succeeds; all know of what it changes.
    ///
    /// # Panics
    /// Where it did something else, or only a part.
    pub(super) fn stir<T>(
        &self,
        at: At,
        merged: Option<Files>,
        call: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        let before = self.see(at);
        let outcome = call();
        let (Some(before), Some(after)) = (before, self.see(at)) else {
            return outcome;
        };
        let made = merged.as_ref() == Some(&*after);
        let kept = before == after;
        let right = match &outcome {
            Ok(_) => made,
            Err(error) if is_fault(error) => made || kept,
            Err(_) => kept,
        };
        assert!(
            right,
            "{at}: {:?} led from {before:?} to {after:?}, wanted {merged:?}",
            outcome.as_ref().map(drop)
        );
        let mut known = self.known.borrow_mut();
        if let Some(known) = known.get_mut(&at) {
            for path in before.keys().chain(after.keys()) {
                if before.get(path) == after.get(path) {
                    continue;
                }
                match after.get(path) {
                    Some(content) => known.files.insert(path.clone(), *content),
                    None => known.files.remove(path),
                };
                *known.stirred.entry(path.clone()).or_default() += 1;
            }
        }
        outcome
    }

    /// Compares all that is known with what is there, when no call is under way.
    pub(super) fn check(&self) {
        let known = self.known.borrow();
        for (at, known) in known.iter() {
            if let Some(found) = self.see(*at) {
                assert_eq!(*found, known.files, "{at} is not as acknowledged");
            }
        }
    }
}

/// Tells whether an error is one that the plan injected.
pub(super) fn is_fault(error: &Error) -> bool {
    error.kind() == ErrorKind::Unavailable
}

/// Tells whether a kind says that the copy is not there to be used.
pub(super) fn is_gone(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Closed | ErrorKind::NotFound)
}

fn below(files: &Files, directory: &TreePath) -> Files {
    let within = files.iter().filter(|(path, _)| path.starts_with(directory));
    within.map(|(path, id)| (path.clone(), *id)).collect()
}

/// Merges what two sides made of `base`; `None` where both changed a path.
pub(super) fn merge(base: &Files, ours: &Files, theirs: &Files) -> Option<Files> {
    let mut merged = ours.clone();
    for path in base.keys().chain(theirs.keys()) {
        let (was, one, other) = (base.get(path), ours.get(path), theirs.get(path));
        if was == other || one == other {
            continue;
        }
        if was != one {
            return None;
        }
        match other {
            Some(content) => merged.insert(path.clone(), *content),
            None => merged.remove(path),
        };
    }
    Some(merged)
}
