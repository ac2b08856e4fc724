//! Comparing two trees, past everything that they share.

use std::cmp::Ordering;

use crate::entry::Entry;
use crate::error::Result;
use crate::id::TreeId;
use crate::path::{Name, TreePath};
use crate::tree::Nodes;
use crate::tree::codec::Item;
use crate::tree::sequence::Sequence;

/// What a comparison calls for each path that differs: the entry on either
/// side. Both are directories only where one side's was something else.
pub(crate) type Visit<'v> = dyn FnMut(&TreePath, Option<&Entry>, Option<&Entry>) -> Result<()> + 'v;

/// Visits every path below `path` at which `old` and `new` differ: depth first,
/// a directory before its entries, names in byte order. A directory in both is
/// not itself a difference; one that is new or gone is, and so is everything
/// in it. Reads no node that both sides share.
pub(crate) fn compare(
    nodes: &dyn Nodes,
    path: &TreePath,
    old: &TreeId,
    new: &TreeId,
    visit: &mut Visit<'_>,
) -> Result<()> {
    let mut open = Vec::new();
    enter(nodes, path.clone(), old, new, &mut open)?;
    while let Some((path, left, right)) = open.last_mut() {
        match step(left, right) {
            Step::Done => {
                open.pop();
            }
            Step::Expand(which) => {
                if which != Which::Right {
                    left.expand(nodes)?;
                }
                if which != Which::Left {
                    right.expand(nodes)?;
                }
            }
            Step::Skip => {
                left.next();
                right.next();
            }
            Step::Differ(which) => {
                let old = if which == Which::Right {
                    None
                } else {
                    left.next()
                };
                let new = if which == Which::Left {
                    None
                } else {
                    right.next()
                };
                let Some((name, _)) = old.as_ref().or(new.as_ref()) else {
                    continue;
                };
                let path = path.join(name)?;
                let (old, new) = (entry_of(&old), entry_of(&new));
                let (before, after) = (tree_of(old), tree_of(new));
                if before.is_none() || after.is_none() {
                    visit(&path, old, new)?;
                }
                let empty = TreeId::empty();
                let (before, after) = (before.unwrap_or(empty), after.unwrap_or(empty));
                enter(nodes, path, &before, &after, &mut open)?;
            }
        }
    }
    Ok(())
}

/// Both sides of a directory that is being compared.
type Pair = (TreePath, Sequence, Sequence);

fn enter(
    nodes: &dyn Nodes,
    path: TreePath,
    old: &TreeId,
    new: &TreeId,
    open: &mut Vec<Pair>,
) -> Result<()> {
    if old != new {
        open.push((
            path,
            Sequence::over(nodes, old)?,
            Sequence::over(nodes, new)?,
        ));
    }
    Ok(())
}

fn entry_of(item: &Option<(Name, Item)>) -> Option<&Entry> {
    match item {
        Some((_, Item::Entry(entry))) => Some(entry),
        _ => None,
    }
}

fn tree_of(entry: Option<&Entry>) -> Option<TreeId> {
    entry
        .and_then(Entry::as_directory)
        .map(|directory| directory.tree)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    Left,
    Right,
    Both,
}

enum Step {
    Done,
    Expand(Which),
    Skip,
    Differ(Which),
}

/// Decides on the fronts of both sides. A child spans the names after what its
/// side has passed, up to its own; where an entry or child of the other side
/// lies outside that span, the child need not be read for it.
fn step(left: &Sequence, right: &Sequence) -> Step {
    match (left.front(), right.front()) {
        (None, None) => Step::Done,
        (Some((_, Item::Child(_))), None) => Step::Expand(Which::Left),
        (None, Some((_, Item::Child(_)))) => Step::Expand(Which::Right),
        (Some((_, Item::Entry(_))), None) => Step::Differ(Which::Left),
        (None, Some((_, Item::Entry(_)))) => Step::Differ(Which::Right),
        (Some((a, Item::Entry(old))), Some((b, Item::Entry(new)))) => match a.cmp(b) {
            Ordering::Less => Step::Differ(Which::Left),
            Ordering::Greater => Step::Differ(Which::Right),
            Ordering::Equal if old == new => Step::Skip,
            Ordering::Equal => Step::Differ(Which::Both),
        },
        (Some((_, Item::Child(_))), Some((b, Item::Entry(_)))) if left.is_past(b) => {
            Step::Differ(Which::Right)
        }
        (Some((a, Item::Entry(_))), Some((_, Item::Child(_)))) if right.is_past(a) => {
            Step::Differ(Which::Left)
        }
        (Some((_, Item::Child(_))), Some((_, Item::Entry(_)))) => Step::Expand(Which::Left),
        (Some((_, Item::Entry(_))), Some((_, Item::Child(_)))) => Step::Expand(Which::Right),
        (Some((a, Item::Child(old))), Some((b, Item::Child(new)))) => {
            if old.id == new.id {
                Step::Skip
            } else if right.is_past(a) {
                Step::Expand(Which::Left)
            } else if left.is_past(b) {
                Step::Expand(Which::Right)
            } else {
                Step::Expand(match left.level().cmp(&right.level()) {
                    Ordering::Greater => Which::Left,
                    Ordering::Less => Which::Right,
                    Ordering::Equal => Which::Both,
                })
            }
        }
    }
}
