//! Differences and three-way comparison, path by path.

use std::collections::{BTreeMap, BTreeSet};

use workspace_core::{Conflict, TreePath};

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
    let mut both = BTreeSet::new();
    for (path, theirs) in &their_changes {
        if our_changes
            .get(path)
            .is_some_and(|ours| !agree(ours, theirs))
        {
            both.insert(path.clone());
        }
    }
    for (puts, others) in [
        (&our_changes, &their_changes),
        (&their_changes, &our_changes),
    ] {
        for (path, put) in puts {
            if put.is_some() && has_no_room(path, others) {
                both.insert(path.clone());
            }
        }
    }
    if both.is_empty() {
        let our_moves = moves(base, ours);
        let mut merged = ours.clone();
        for (path, change) in moves(base, theirs) {
            // A time goes along where the other side left the file as it was.
            let moved_only = our_moves.contains_key(&path) && !our_changes.contains_key(&path);
            match change {
                _ if our_changes.contains_key(&path) => {}
                _ if moved_only && !their_changes.contains_key(&path) => {}
                Some(thing) => drop(merged.0.insert(path, thing)),
                None => drop(merged.0.remove(&path)),
            }
        }
        return Ok(merged);
    }
    let only = |these: &Changes, others: &Changes| {
        let paths = these.keys();
        let alone = paths.filter(|path| !both.contains(*path) && !others.contains_key(*path));
        alone.cloned().collect()
    };
    Err(Conflict {
        parent: only(&our_changes, &their_changes),
        copy: only(&their_changes, &our_changes),
        both: both.iter().cloned().collect(),
    })
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
