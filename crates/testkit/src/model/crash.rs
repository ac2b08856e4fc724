//! A crash at every store call of one operation.

use bytes::Bytes;
use futures::executor::block_on;
use workspace_core::{
    Author, CopyId, KeepRevisions, MemoKey, RevisionId, RevisionMessage, TreePath, WriteOptions,
};

use super::action::{Action, Expect, Place};
use super::check::Checked;
use super::files::Edit;
use super::import::{Import, Item};
use super::once::KEYS;
use super::run::MakeStorage;
use super::session::{KEEP_CLOSED_COPIES, Session};
use super::state::Target;
use crate::fault::FaultPlan;

/// The operation that crashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scenario {
    /// A tree import into head.
    Import,
    /// A batch of changes to head.
    Write,
    /// A copy published, where head holds writes that no revision records.
    Apply,
    /// A copy moved onto a head that has moved.
    Rebase,
    /// An old revision made head again.
    Restore,
    /// A whole garbage collection that finds garbage of every kind.
    Gc,
    /// Upkeep in small steps that finds work of every kind.
    Upkeep,
    /// A copy forked.
    ForkOfCopy,
    /// A copy applied to the copy that is its parent, with another one below it.
    ApplyToParent,
    /// A copy moved onto a parent that has moved.
    RebaseOntoParent,
    /// A copy published that has others below it.
    ApplyWithNested,
    /// A copy discarded that has others below it.
    DiscardWithNested,
    /// A batch of changes to head, with objects, once for its key.
    ChangeOnce,
    /// A copy forked, once for its key.
    ForkOnce,
    /// A copy rebased and applied to the copy that is its parent, once for its key.
    ApplyOnce,
    /// A copy discarded, once for its key.
    DiscardOnce,
}

impl Scenario {
    /// Every scenario.
    pub const ALL: [Self; 16] = [
        Self::Import,
        Self::Write,
        Self::Apply,
        Self::Rebase,
        Self::Restore,
        Self::Gc,
        Self::Upkeep,
        Self::ForkOfCopy,
        Self::ApplyToParent,
        Self::RebaseOntoParent,
        Self::ApplyWithNested,
        Self::DiscardWithNested,
        Self::ChangeOnce,
        Self::ForkOnce,
        Self::ApplyOnce,
        Self::DiscardOnce,
    ];
}

/// Crashes the scenario before each of its store calls, and after each that has an
/// effect (after another it is as before the next), each time in new storage with a tree of about `files` files. After each crash the storage
/// is opened again: its state must be one that the operation may leave, without
/// damage, and the repeated operation must do what the model says. Returns how
/// many crashes there were.
///
/// # Panics
/// Where anything else is found.
pub fn crash(make: MakeStorage<'_>, scenario: Scenario, files: usize) -> u64 {
    let attempt = |arm: &dyn Fn(&FaultPlan)| {
        let storage = make();
        let mut session = Session::new(&*storage, 1, 0.0);
        block_on(async {
            let action = prepare(&mut session, scenario, files).await?;
            let calls = session.act(&action, arm, true, None).await?;
            session.finish().await?;
            Ok(calls)
        })
    };
    let checked = |what: String, outcome: Checked<(u64, Vec<u64>)>| match outcome {
        Ok(calls) => calls,
        Err(why) => panic!("{scenario:?} of {files} files, {what}: {why}"),
    };
    let (calls, effects) = checked("no crash".into(), attempt(&|_| {}));
    for n in 1..=calls {
        let outcome = attempt(&|plan| plan.crash_before(n));
        checked(format!("crash before call {n} of {calls}"), outcome);
    }
    for n in &effects {
        let outcome = attempt(&|plan| plan.crash_after(*n));
        checked(format!("crash after call {n} of {calls}"), outcome);
    }
    calls + effects.len() as u64
}

/// Brings a new workspace to where the scenario begins; returns its operation.
async fn prepare(session: &mut Session<'_>, scenario: Scenario, files: usize) -> Checked<Action> {
    let import = Action::Import(Target::Head, tree(files));
    if scenario == Scenario::Import {
        return Ok(import);
    }
    quietly(session, &import).await?;
    let change = |target, edits| Action::Change(target, edits, Author::default(), None);
    if scenario == Scenario::Write {
        return Ok(change(Target::Head, edits("w")));
    }
    if scenario == Scenario::ChangeOnce {
        return Ok(once(change(Target::Head, edits("w"))));
    }
    if scenario == Scenario::Restore {
        quietly(session, &change(Target::Head, edits("r"))).await?;
        return Ok(Action::Restore(
            RevisionId::new(1),
            RevisionMessage::default(),
        ));
    }
    quietly(session, &change(Target::Head, vec![write("/before", 3)])).await?;
    let copy = fork(session).await?;
    quietly(session, &change(Target::Copy(copy), edits("c"))).await?;
    let nested = match scenario {
        Scenario::Apply | Scenario::Rebase | Scenario::Upkeep | Scenario::Gc => None,
        _ => Some(fork_of(session, Place::Copy(copy)).await?),
    };
    if let Some(nested) = nested {
        quietly(session, &change(Target::Copy(nested), edits("n"))).await?;
        fork_of(session, Place::Copy(nested)).await?;
    }
    let everything = change(Target::Head, vec![Edit::Remove(path("/d0"), true)]);
    let snapshot = Action::Snapshot(RevisionMessage::default());
    Ok(match scenario {
        Scenario::Apply | Scenario::ApplyWithNested => apply(copy, false),
        Scenario::ForkOfCopy => Action::Fork(Place::Copy(copy), None, None),
        Scenario::ForkOnce => once(Action::Fork(Place::Copy(copy), None, None)),
        Scenario::DiscardOnce => once(Action::Discard(copy)),
        Scenario::ApplyToParent => apply(nested.unwrap_or(copy), false),
        Scenario::RebaseOntoParent | Scenario::ApplyOnce => {
            let nested = nested.unwrap_or(copy);
            let edits = vec![write("/d0/parent", 300), write("/new/parent", 300)];
            quietly(session, &change(Target::Copy(copy), edits)).await?;
            match scenario {
                Scenario::ApplyOnce => once(apply(nested, true)),
                _ => Action::Rebase(nested, Author::default()),
            }
        }
        Scenario::DiscardWithNested => Action::Discard(copy),
        Scenario::Rebase => {
            // In directories that the copy changes too: others it would take whole.
            let places = [
                "/head",
                "/d0/head",
                "/d1/head",
                "/new/head",
                "/copiedc/head",
            ];
            let edits = places.map(|at| write(at, 300)).to_vec();
            quietly(session, &change(Target::Head, edits)).await?;
            Action::Rebase(copy, Author::default())
        }
        Scenario::Upkeep => {
            // A copy to forget, one to expire, a revision to prune.
            quietly(session, &Action::Discard(copy)).await?;
            let expires = Some(session.now().plus_millis(10_000));
            quietly(session, &Action::Fork(Place::Head, None, expires)).await?;
            session.wait(KEEP_CLOSED_COPIES);
            quietly(session, &everything).await?;
            quietly(session, &snapshot).await?;
            Action::Upkeep(25, Some(KeepRevisions::default()))
        }
        _ => {
            quietly(session, &Action::Discard(copy)).await?;
            quietly(session, &everything).await?;
            quietly(session, &snapshot).await?;
            quietly(session, &Action::Prune(KeepRevisions::default())).await?;
            Action::Gc(None)
        }
    })
}

fn apply(copy: CopyId, rebase: bool) -> Action {
    let (message, only) = (RevisionMessage::default(), Vec::new());
    Action::Apply(copy, Expect::Right, message, only, rebase)
}

fn once(call: Action) -> Action {
    let key = MemoKey::new(KEYS[0]).expect("it is a key");
    Action::Once(Box::new(call), key, 0)
}

async fn quietly(session: &mut Session<'_>, action: &Action) -> Checked {
    session.act(action, |_| {}, false, None).await.map(drop)
}

async fn fork(session: &mut Session<'_>) -> Checked<CopyId> {
    fork_of(session, Place::Head).await
}

async fn fork_of(session: &mut Session<'_>, of: Place) -> Checked<CopyId> {
    let id = session.next_copy();
    quietly(session, &Action::Fork(of, None, None)).await?;
    Ok(id)
}

fn path(text: &str) -> TreePath {
    TreePath::new(text).expect("these are paths")
}

fn content(n: usize, size: usize) -> Bytes {
    let mut bytes = n.to_string().into_bytes();
    bytes.resize(size.max(bytes.len()), b'.');
    bytes.into()
}

fn write(at: &str, size: usize) -> Edit {
    let options = WriteOptions::default().create_parents(true);
    Edit::Write(path(at), content(0, size), options)
}

/// Twenty files a directory, every eighth too large for a row.
fn tree(files: usize) -> Import {
    let entries = (0..files).map(|n| {
        let size = match n % 8 {
            0 => super::INLINE_LIMIT + 1,
            _ => 10,
        };
        let options = WriteOptions::default()
            .create_parents(true)
            .executable(false);
        let at = path(&format!("/d{}/f{n}", n / 20));
        (at, Item::File(content(n, size), options))
    });
    Import {
        into: TreePath::root(),
        entries: entries.collect(),
        batch: 100,
        fails: false,
        delete_missing: false,
        author: Author::default(),
    }
}

/// One of each kind of change, two with objects.
fn edits(mark: &str) -> Vec<Edit> {
    vec![
        write(&format!("/d0/{mark}"), 5),
        write(&format!("/new/{mark}/large"), 200),
        write("/d0/f1", 500),
        Edit::Rename(path("/d0/f2"), path(&format!("/d0/{mark}2")), false),
        Edit::Copy(path("/new"), path(&format!("/copied{mark}")), false),
        Edit::Remove(path("/d0/f3"), false),
        Edit::SetExecutable(path("/d0/f4"), true),
        Edit::Mkdir(path("/d0/empty"), false),
    ]
}
