//! Listing what two sides changed since a common tree.

use std::cmp::Ordering;

use crate::conflict::{Conflict, PathList};
use crate::entry::Entry;
use crate::error::{ErrorKind, Result};
use crate::id::TreeId;
use crate::path::TreePath;
use crate::tree::Nodes;
use crate::tree::compare::{Below, Budget, Differences, Next};

/// Which paths that both sides changed are listed as such.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    /// All of them.
    Shared,
    /// Those at which they did not arrive at the same, and those that one put
    /// below what the other removed or made a file. Where they did arrive at the
    /// same, a path is not listed at all.
    Disagreed,
}

/// Lists what changed from `base` to `ours`, to `theirs`, and to both, whether or
/// not the sides could be brought together.
pub(crate) fn changed_paths(
    nodes: &dyn Nodes,
    base: &TreeId,
    ours: &TreeId,
    theirs: &TreeId,
) -> Result<Conflict> {
    changed(nodes, [base, ours, theirs], Which::Shared)
}

/// Lists what changed from `base` to `ours` and to `theirs`, beside what they conflict
/// at.
pub(crate) fn changed_beside(
    nodes: &dyn Nodes,
    trees: [&TreeId; 3],
    both: PathList,
) -> Result<Conflict> {
    let changed = changed(nodes, trees, Which::Disagreed)?;
    Ok(Conflict { both, ..changed })
}

/// Lists what changed from `base` to `ours`, to `theirs` and to both, by walking
/// both comparisons in step. Keeps the listed paths in memory, and no others.
///
/// Once a list is full, a directory that is new or gone counts by its totals.
/// Ends after [`Conflict::COMPARED`] entries a side; the counts are then of what
/// was met.
pub(super) fn changed(
    nodes: &dyn Nodes,
    [base, ours, theirs]: [&TreeId; 3],
    which: Which,
) -> Result<Conflict> {
    let mut walk = Walk {
        nodes,
        which,
        lists: Conflict::default(),
    };
    let mut head = Side::over(nodes, base, ours)?;
    let mut copy = Side::over(nodes, base, theirs)?;
    loop {
        match walk.step(&mut head, &mut copy) {
            Ok(true) => {}
            Ok(false) => return Ok(walk.lists),
            Err(error) if error.kind() == ErrorKind::LimitExceeded => return Ok(walk.lists),
            Err(error) => return Err(error),
        }
    }
}

struct Walk<'a> {
    nodes: &'a dyn Nodes,
    which: Which,
    lists: Conflict,
}

/// One side's comparison with the base.
struct Side {
    differences: Differences,
    front: Option<Next>,
    /// What this side removed or made a file, of what the walk may yet meet
    /// something below: each is how the next begins, and how the front does.
    closed: Vec<TreePath>,
}

impl Walk<'_> {
    /// Takes what comes first; returns whether there was anything.
    fn step(&mut self, head: &mut Side, copy: &mut Side) -> Result<bool> {
        head.fill(self.nodes)?;
        copy.fill(self.nodes)?;
        let first = match (&head.front, &copy.front) {
            (None, None) => return Ok(false),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(ours), Some(theirs)) => place(ours).cmp(place(theirs)),
        };
        let next = if first == Ordering::Greater {
            &copy.front
        } else {
            &head.front
        };
        if let Some(at) = next.as_ref().map(path_of) {
            head.closed.retain(|closed| may_hold(closed, at));
            copy.closed.retain(|closed| may_hold(closed, at));
        }
        match first {
            Ordering::Less => self.alone(head, copy, true)?,
            Ordering::Greater => self.alone(copy, head, false)?,
            Ordering::Equal => self.together(head, copy)?,
        }
        Ok(true)
    }

    /// Takes what only one side has at its place.
    fn alone(&mut self, mine: &mut Side, other: &mut Side, head: bool) -> Result<()> {
        let Some(next) = mine.front.take() else {
            return Ok(());
        };
        let put = match &next {
            Next::Difference((_, _, new)) => new.is_some(),
            Next::Below(below) => below.old.is_none(),
        };
        let cut_off = put && self.which == Which::Disagreed && other.has_closed(path_of(&next));
        let list = match (cut_off, head) {
            (true, _) => &mut self.lists.both,
            (false, true) => &mut self.lists.parent,
            (false, false) => &mut self.lists.copy,
        };
        match next {
            Next::Difference((path, _, new)) => {
                list.push(&path);
                mine.close(path, &new);
            }
            Next::Below(below) => match entries_of(&below) {
                // The other side has nothing in it, or it would be at the same place.
                Some(count) if is_full(list) => {
                    list.count = list.count.saturating_add(count);
                }
                _ => mine.differences.enter(self.nodes, &below)?,
            },
        }
        Ok(())
    }

    /// Takes what both sides have at the same place.
    fn together(&mut self, head: &mut Side, copy: &mut Side) -> Result<()> {
        match (head.front.take(), copy.front.take()) {
            (Some(Next::Difference(ours)), Some(Next::Difference(theirs))) => {
                let (path, _, ours) = ours;
                let (_, _, theirs) = theirs;
                if self.which == Which::Shared || !agree(&ours, &theirs) {
                    self.lists.both.push(&path);
                }
                head.close(path.clone(), &ours);
                copy.close(path, &theirs);
            }
            (Some(Next::Below(ours)), Some(Next::Below(theirs))) => {
                let same = ours.new == theirs.new;
                let both = &mut self.lists.both;
                match entries_of(&ours) {
                    _ if same && self.which == Which::Disagreed => {}
                    Some(count) if same && is_full(both) => {
                        both.count = both.count.saturating_add(count);
                    }
                    _ => {
                        head.differences.enter(self.nodes, &ours)?;
                        copy.differences.enter(self.nodes, &theirs)?;
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}

impl Side {
    fn over(nodes: &dyn Nodes, base: &TreeId, tree: &TreeId) -> Result<Self> {
        let budget = Budget::new(Conflict::COMPARED);
        Ok(Self {
            differences: Differences::between(nodes, base, tree, budget)?,
            front: None,
            closed: Vec::new(),
        })
    }

    fn fill(&mut self, nodes: &dyn Nodes) -> Result<()> {
        if self.front.is_none() {
            self.front = self.differences.step(nodes)?;
        }
        Ok(())
    }

    fn close(&mut self, path: TreePath, new: &Option<Entry>) {
        if !matches!(new, Some(Entry::Directory(_))) {
            self.closed.push(path);
        }
    }

    /// Tells whether `path` is at or below what this side removed or made a file.
    fn has_closed(&self, path: &TreePath) -> bool {
        self.closed.iter().any(|closed| path.starts_with(closed))
    }
}

fn path_of(next: &Next) -> &TreePath {
    match next {
        Next::Difference((path, ..)) => path,
        Next::Below(below) => &below.path,
    }
}

/// Returns where it comes in byte order: what is in a directory, after what comes
/// before the `/` that it goes on with.
fn place(next: &Next) -> impl Iterator<Item = u8> {
    let slash = matches!(next, Next::Below(_)).then_some(b'/');
    path_of(next).as_str().bytes().chain(slash)
}

/// Tells whether something below `closed` may come at or after `at`, which comes
/// after `closed`.
pub(crate) fn may_hold(closed: &TreePath, at: &TreePath) -> bool {
    let rest = at.as_str().strip_prefix(closed.as_str());
    rest.is_some_and(|rest| rest.bytes().next().is_none_or(|next| next <= b'/'))
}

/// Returns how many paths differ below, where a directory is new or gone.
pub(super) fn entries_of(below: &Below) -> Option<u64> {
    match (&below.old, &below.new) {
        (None, Some(only)) | (Some(only), None) => Some(only.summary.entries()),
        _ => None,
    }
}

fn is_full(list: &PathList) -> bool {
    list.paths.len() >= Conflict::LISTED
}

/// Tells whether both sides arrived at the same. Two directories do: what is in
/// them is compared on its own.
pub(crate) fn agree(ours: &Option<Entry>, theirs: &Option<Entry>) -> bool {
    match (ours, theirs) {
        (None, None) => true,
        (Some(Entry::Directory(_)), Some(Entry::Directory(_))) => true,
        (Some(ours), Some(theirs)) => ours.same_but_time(theirs),
        _ => false,
    }
}
