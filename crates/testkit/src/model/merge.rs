//! Differences and three-way comparison, path by path.

use std::collections::{BTreeMap, BTreeSet};

use workspace_core::{Conflict, PathList, TreePath};

use super::files::{Files, Thing};

/// What each path became that differs; `None` where it is gone.
pub(super) type Changes = BTreeMap<TreePath, Option<Thing>>;

/// Returns where `to` differs from `from` in more than a time.
pub(super) fn changes(from: &Files, to: &Files) -> Changes {
    let mut changes = moves(from, to);
    changes.retain(|path, to| !agree(&from.0.get(path).cloned(), to));
    changes
}

/// Returns where `to` differs from `from`, be it in a time.
fn moves(from: &Files, to: &Files) -> Changes {
    let paths: BTreeSet<_> = from.0.keys().chain(to.0.keys()).collect();
    let differ = paths
        .into_iter()
        .filter(|path| from.0.get(*path) != to.0.get(*path));
    differ
        .map(|path| (path.clone(), to.0.get(path).cloned()))
        .collect()
}

/// Lists what two sides changed since `base`, whether or not they agree.
pub(super) fn changed_paths(base: &Files, parent: &Files, copy: &Files) -> Conflict {
    let (parent, copy) = (changes(base, parent), changes(base, copy));
    let only = |these: &Changes, others: &Changes| {
        let paths = these.keys().filter(|path| !others.contains_key(*path));
        paths.cloned().collect()
    };
    let both = parent.keys().filter(|path| copy.contains_key(*path));
    Conflict {
        parent: only(&parent, &copy),
        copy: only(&copy, &parent),
        both: both.cloned().collect(),
    }
}

/// Carries the changes from `base` to `theirs` over to `ours`, which is the
/// side that a [`Conflict`] calls the parent.
pub(super) fn merge(base: &Files, ours: &Files, theirs: &Files) -> Result<Files, Conflict> {
    let (our_changes, their_changes) = (changes(base, ours), changes(base, theirs));
    let both = conflicting(&our_changes, &their_changes);
    if both.is_empty() {
        return Ok(carry(base, ours, theirs, |_| false));
    }
    Err(Conflict {
        parent: only(&our_changes, &their_changes, &both),
        copy: only(&their_changes, &our_changes, &both),
        both: both.iter().cloned().collect(),
    })
}

/// Returns the paths at which two sides cannot both be kept.
pub(super) fn conflicting(ours: &Changes, theirs: &Changes) -> BTreeSet<TreePath> {
    let mut both = BTreeSet::new();
    for (path, theirs) in theirs {
        if ours.get(path).is_some_and(|ours| !agree(ours, theirs)) {
            both.insert(path.clone());
        }
    }
    for (puts, others) in [(ours, theirs), (theirs, ours)] {
        for (path, put) in puts {
            if put.is_some() && has_no_room(path, others) {
                both.insert(path.clone());
            }
        }
    }
    both
}

/// Returns the paths that only one side changed, and that conflict with nothing.
pub(super) fn only(these: &Changes, others: &Changes, both: &BTreeSet<TreePath>) -> PathList {
    let paths = these.keys();
    let alone = paths.filter(|path| !both.contains(*path) && !others.contains_key(*path));
    alone.cloned().collect()
}

/// Makes the changes from `base` to `theirs` to `ours`, but for what is passed over.
pub(super) fn carry(
    base: &Files,
    ours: &Files,
    theirs: &Files,
    passed: impl Fn(&TreePath) -> bool,
) -> Files {
    let (our_changes, their_changes) = (changes(base, ours), changes(base, theirs));
    let our_moves = moves(base, ours);
    let mut merged = ours.clone();
    for (path, change) in moves(base, theirs) {
        // A time goes along where the other side left the file as it was.
        let moved_only = our_moves.contains_key(&path) && !our_changes.contains_key(&path);
        match change {
            _ if passed(&path) => {}
            _ if our_changes.contains_key(&path) => {}
            _ if moved_only && !their_changes.contains_key(&path) => {}
            Some(thing) => drop(merged.0.insert(path, thing)),
            None => drop(merged.0.remove(&path)),
        }
    }
    merged
}

fn agree(ours: &Option<Thing>, theirs: &Option<Thing>) -> bool {
    match (ours, theirs) {
        (Some(ours), Some(theirs)) => ours.same_but_time(theirs),
        (ours, theirs) => ours == theirs,
    }
}

/// Tells whether the other side removed a directory above `path`, or made it
/// something else.
fn has_no_room(path: &TreePath, others: &Changes) -> bool {
    let mut above = path.parent();
    while let Some(directory) = above {
        match others.get(&directory) {
            None | Some(Some(Thing::Directory)) => above = directory.parent(),
            Some(_) => return true,
        }
    }
    false
}
