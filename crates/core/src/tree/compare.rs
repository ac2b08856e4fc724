//! Comparing two trees, past everything that they share.

use std::cmp::Ordering;

use crate::entry::Entry;
use crate::error::Result;
use crate::id::TreeId;
use crate::path::{Name, TreePath};
use crate::tree::codec::Item;
use crate::tree::sequence::Sequence;
use crate::tree::{Nodes, lookup};

/// A path at which two trees differ, and the entry on either side. Both are
/// directories only where one side's was something else.
pub(crate) type Difference = (TreePath, Option<Entry>, Option<Entry>);

/// Where two trees differ, path by path, in byte order of the paths.
///
/// A directory in both is not itself a difference; one that is new or gone is,
/// and so is everything in it. No node that both sides share is read.
pub(crate) struct Differences {
    open: Vec<Pair>,
}

/// Both sides of a directory that is being compared.
struct Pair {
    path: TreePath,
    old: Sequence,
    new: Sequence,
    /// Directories in it that differ and whose turn has not come, the next one
    /// last: `/a/b` comes after `/a-b`, although `a` comes before `a-b`.
    waiting: Vec<Below>,
}

/// A directory that differs: where, and its trees.
struct Below {
    path: TreePath,
    old: TreeId,
    new: TreeId,
}

impl Below {
    fn new(path: TreePath, old: Option<&Entry>, new: Option<&Entry>) -> Option<Self> {
        let tree = |entry| tree_of(entry).unwrap_or_else(TreeId::empty);
        let (old, new) = (tree(old), tree(new));
        (old != new).then_some(Self { path, old, new })
    }

    /// Tells whether what is in it comes before what is called `name` beside it.
    fn comes_before(&self, name: &Name) -> bool {
        let own = self.path.segments().next_back().unwrap_or_default();
        own.bytes().chain([b'/']).lt(name.as_str().bytes())
    }
}

impl Differences {
    /// Compares the directories `old` and `new`, which are at `path`. Leaves out
    /// what comes up to `after`, of which it reads a few nodes a directory.
    pub(crate) fn new(
        nodes: &dyn Nodes,
        path: &TreePath,
        old: &TreeId,
        new: &TreeId,
        after: Option<&TreePath>,
    ) -> Result<Self> {
        let mut differences = Self { open: Vec::new() };
        let below = Below {
            path: path.clone(),
            old: *old,
            new: *new,
        };
        let within = after.and_then(|after| after.strip_prefix(path));
        match (within, after) {
            (Some(within), _) if !within.is_root() => {
                differences.enter_after(nodes, below, &within.as_str()[1..])?;
            }
            // It lies behind all that is in the directory.
            (None, Some(after)) if *after.as_str() > *format!("{path}/") => {}
            _ => differences.enter(nodes, &below)?,
        }
        Ok(differences)
    }

    /// Returns the next difference.
    pub(crate) fn next(&mut self, nodes: &dyn Nodes) -> Result<Option<Difference>> {
        while let Some(directory) = self.open.last_mut() {
            match step(&directory.old, &directory.new) {
                Step::Done => match directory.waiting.pop() {
                    Some(below) => self.enter(nodes, &below)?,
                    None => drop(self.open.pop()),
                },
                Step::Expand(which) => {
                    if which != Which::New {
                        directory.old.expand(nodes)?;
                    }
                    if which != Which::Old {
                        directory.new.expand(nodes)?;
                    }
                }
                Step::Skip => {
                    directory.old.next();
                    directory.new.next();
                }
                Step::Differ(which) => {
                    if let Some(below) = directory.due(which) {
                        self.enter(nodes, &below)?;
                    } else if let Some(found) = directory.differ(which)? {
                        return Ok(Some(found));
                    }
                }
            }
        }
        Ok(None)
    }

    fn enter(&mut self, nodes: &dyn Nodes, below: &Below) -> Result<()> {
        if below.old != below.new {
            self.open.push(Pair::over(nodes, below)?);
        }
        Ok(())
    }

    /// Enters a directory after the path `rest` in it.
    fn enter_after(&mut self, nodes: &dyn Nodes, below: Below, rest: &str) -> Result<()> {
        let (mut below, mut rest) = (below, rest);
        while below.old != below.new {
            let mut directory = Pair::over(nodes, &below)?;
            let (name, deeper) = match rest.split_once('/') {
                Some((name, deeper)) => (name, Some(deeper)),
                None => (rest, None),
            };
            // Of what comes before, some directories' entries come after: those of
            // `a`, where `rest` is in `a-b`.
            let ends = (1..name.len()).filter(|end| name.as_bytes()[*end] < b'/');
            for name in ends.map(|end| &name[..end]) {
                let found = below.find(nodes, name)?;
                directory.waiting.extend(found);
            }
            let found = below.find(nodes, name)?;
            match deeper {
                None => {
                    directory.waiting.extend(found);
                    directory.pass(nodes, name.as_bytes())?;
                    self.open.push(directory);
                    return Ok(());
                }
                Some(deeper) => {
                    directory.pass(nodes, format!("{name}/").as_bytes())?;
                    self.open.push(directory);
                    let Some(found) = found else { return Ok(()) };
                    (below, rest) = (found, deeper);
                }
            }
        }
        Ok(())
    }
}

impl Below {
    /// Returns the directory called `name` in it, where it differs.
    fn find(&self, nodes: &dyn Nodes, name: &str) -> Result<Option<Self>> {
        let path = self.path.join(&Name::new(name)?)?;
        let old = lookup(nodes, &self.old, name)?;
        let new = lookup(nodes, &self.new, name)?;
        Ok(Self::new(path, old.as_ref(), new.as_ref()))
    }
}

impl Pair {
    fn over(nodes: &dyn Nodes, below: &Below) -> Result<Self> {
        Ok(Self {
            path: below.path.clone(),
            old: Sequence::over(nodes, &below.old)?,
            new: Sequence::over(nodes, &below.new)?,
            waiting: Vec::new(),
        })
    }

    /// Passes all names up to `bound`.
    fn pass(&mut self, nodes: &dyn Nodes, bound: &[u8]) -> Result<()> {
        self.old.pass(nodes, bound)?;
        self.new.pass(nodes, bound)
    }

    /// Takes out the waiting directory that comes before the entry in front.
    fn due(&mut self, which: Which) -> Option<Below> {
        let side = if which == Which::New {
            &self.new
        } else {
            &self.old
        };
        let (name, _) = side.front()?;
        self.waiting.pop_if(|below| below.comes_before(name))
    }

    /// Takes the entry in front, lets what is in it wait, and returns it where it
    /// differs itself.
    fn differ(&mut self, which: Which) -> Result<Option<Difference>> {
        let old = (which != Which::New).then(|| self.old.next()).flatten();
        let new = (which != Which::Old).then(|| self.new.next()).flatten();
        let Some((name, _)) = old.as_ref().or(new.as_ref()) else {
            return Ok(None);
        };
        let path = self.path.join(name)?;
        let (old, new) = (entry_of(old), entry_of(new));
        let directories = tree_of(old.as_ref()).is_some() && tree_of(new.as_ref()).is_some();
        let below = Below::new(path.clone(), old.as_ref(), new.as_ref());
        self.waiting.extend(below);
        Ok((!directories).then_some((path, old, new)))
    }
}

fn entry_of(item: Option<(Name, Item)>) -> Option<Entry> {
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
    Old,
    New,
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
        (Some((_, Item::Child(_))), None) => Step::Expand(Which::Old),
        (None, Some((_, Item::Child(_)))) => Step::Expand(Which::New),
        (Some((_, Item::Entry(_))), None) => Step::Differ(Which::Old),
        (None, Some((_, Item::Entry(_)))) => Step::Differ(Which::New),
        (Some((a, Item::Entry(old))), Some((b, Item::Entry(new)))) => match a.cmp(b) {
            Ordering::Less => Step::Differ(Which::Old),
            Ordering::Greater => Step::Differ(Which::New),
            Ordering::Equal if old == new => Step::Skip,
            Ordering::Equal => Step::Differ(Which::Both),
        },
        (Some((_, Item::Child(_))), Some((b, Item::Entry(_)))) if left.is_past(b) => {
            Step::Differ(Which::New)
        }
        (Some((a, Item::Entry(_))), Some((_, Item::Child(_)))) if right.is_past(a) => {
            Step::Differ(Which::Old)
        }
        (Some((_, Item::Child(_))), Some((_, Item::Entry(_)))) => Step::Expand(Which::Old),
        (Some((_, Item::Entry(_))), Some((_, Item::Child(_)))) => Step::Expand(Which::New),
        (Some((a, Item::Child(old))), Some((b, Item::Child(new)))) => {
            if old.id == new.id {
                Step::Skip
            } else if right.is_past(a) {
                Step::Expand(Which::Old)
            } else if left.is_past(b) {
                Step::Expand(Which::New)
            } else {
                Step::Expand(match left.level().cmp(&right.level()) {
                    Ordering::Greater => Which::Old,
                    Ordering::Less => Which::New,
                    Ordering::Equal => Which::Both,
                })
            }
        }
    }
}
