//! Three-way comparison at the level of paths.

use std::collections::{BTreeMap, BTreeSet};

use crate::conflict::Conflict;
use crate::entry::{Directory, Entry};
use crate::error::Result;
use crate::id::TreeId;
use crate::path::TreePath;
use crate::tree::{Differences, Editor, Found, Nodes};

/// What bringing two sides together led to.
pub(crate) enum Merged {
    /// Both sides' changes, in one tree.
    Tree(Directory),
    /// Some paths were changed on both sides, differently.
    Conflict(Conflict),
}

/// What each changed path became; `None` where it is gone.
type Changes = BTreeMap<TreePath, Option<Entry>>;

/// Carries the changes from `base` to `theirs` over to `ours`.
///
/// A path conflicts where both sides changed it and did not arrive at the same
/// (times aside), or where one side put something below a path that the other
/// removed or turned into a file. Writes nodes only where nothing conflicts.
/// O(paths changed on either side), whatever the trees' size.
pub(crate) fn merge(
    nodes: &dyn Nodes,
    base: &TreeId,
    ours: &TreeId,
    theirs: &TreeId,
) -> Result<Merged> {
    let our_changes = if ours == base {
        Changes::new()
    } else {
        changes(nodes, base, ours)?
    };
    let mut their_changes = changes(nodes, base, theirs)?;

    let mut both: BTreeSet<TreePath> = their_changes
        .iter()
        .filter(|(path, new)| our_changes.get(path).is_some_and(|ours| !agree(ours, new)))
        .map(|(path, _)| path.clone())
        .collect();
    both.extend(cut_off(&their_changes, &our_changes));
    both.extend(cut_off(&our_changes, &their_changes));

    let agreed = |path: &TreePath, other: &Changes| other.contains_key(path);
    if !both.is_empty() {
        let only = |these: &Changes, other: &Changes| {
            these
                .keys()
                .filter(|path| !both.contains(*path) && !agreed(path, other))
                .cloned()
                .collect()
        };
        return Ok(Merged::Conflict(Conflict {
            head: only(&our_changes, &their_changes),
            copy: only(&their_changes, &our_changes),
            both: both.iter().cloned().collect(),
        }));
    }

    their_changes.retain(|path, _| !agreed(path, &our_changes));
    let mut editor = Editor::new(nodes, ours)?;
    for (path, new) in their_changes.iter().rev() {
        if new.is_none() {
            editor.remove(path)?;
        }
    }
    for (path, new) in their_changes {
        match new {
            None => {}
            Some(Entry::Directory(_)) => match editor.find(&path)?.as_ref().map(Found::kind) {
                Some(crate::EntryKind::Directory) => {}
                _ => editor.put_directory(&path, true)?,
            },
            Some(entry) => editor.put(&path, entry, true)?,
        }
    }
    editor.finish().map(Merged::Tree)
}

/// Lists what changed from `base` to `ours`, to `theirs`, and to both, whether or
/// not the sides could be brought together.
pub(crate) fn changed_paths(
    nodes: &dyn Nodes,
    base: &TreeId,
    ours: &TreeId,
    theirs: &TreeId,
) -> Result<Conflict> {
    let (ours, theirs) = (changes(nodes, base, ours)?, changes(nodes, base, theirs)?);
    let paths = |these: &Changes, other: &Changes, shared: bool| {
        let wanted = these
            .keys()
            .filter(|path| other.contains_key(path) == shared);
        wanted.cloned().collect()
    };
    Ok(Conflict {
        head: paths(&ours, &theirs, false),
        copy: paths(&theirs, &ours, false),
        both: paths(&ours, &theirs, true),
    })
}

fn changes(nodes: &dyn Nodes, from: &TreeId, to: &TreeId) -> Result<Changes> {
    let mut found = Changes::new();
    let mut differences = Differences::new(nodes, &TreePath::root(), from, to, None)?;
    while let Some((path, _, new)) = differences.next(nodes)? {
        found.insert(path, new);
    }
    Ok(found)
}

/// Tells whether both sides arrived at the same. Two directories do: what is in
/// them is compared on its own.
fn agree(ours: &Option<Entry>, theirs: &Option<Entry>) -> bool {
    match (ours, theirs) {
        (None, None) => true,
        (Some(Entry::Directory(_)), Some(Entry::Directory(_))) => true,
        (Some(ours), Some(theirs)) => ours.same_but_time(theirs),
        _ => false,
    }
}

/// Returns the paths that one side has put below what the other removed or made
/// a file.
fn cut_off<'c>(put: &'c Changes, other: &'c Changes) -> impl Iterator<Item = TreePath> + 'c {
    put.iter()
        .filter(|(_, new)| new.is_some())
        .filter_map(|(path, _)| {
            let mut ancestor = path.parent();
            while let Some(above) = ancestor {
                match other.get(&above) {
                    Some(Some(Entry::Directory(_))) | None => ancestor = above.parent(),
                    Some(_) => return Some(path.clone()),
                }
            }
            None
        })
}
