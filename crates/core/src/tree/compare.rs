//! Comparing two trees, past everything that they share.

use std::cmp::Ordering;

use crate::entry::{Directory, Entry};
use crate::error::{Error, ErrorKind, Result};
use crate::id::TreeId;
use crate::path::{Name, TreePath};
use crate::tree::codec::Item;
use crate::tree::sequence::Sequence;
use crate::tree::{Nodes, lookup};

/// A path at which two trees differ, and the entry on either side. Both are
/// directories only where one side's was something else.
pub(crate) type Difference = (TreePath, Option<Entry>, Option<Entry>);

/// How much one comparison looks at, in entries that differ and in nodes. A tree
/// of a few nodes can have more paths than anybody can wait for, as a directory
/// that is copied is shared.
pub(crate) const MAX_COMPARED: u64 = 500_000;

/// What is left of what a comparison may look at.
#[derive(Debug)]
pub(super) struct Budget(u64);

impl Budget {
    pub(super) fn new(steps: u64) -> Self {
        Self(steps)
    }

    /// Takes one step.
    ///
    /// # Errors
    /// `LimitExceeded` where none is left.
    pub(super) fn spend(&mut self) -> Result<()> {
        self.0 = self.0.checked_sub(1).ok_or_else(|| {
            Error::new(ErrorKind::LimitExceeded, "compare")
                .because("more entries differ than one comparison looks at")
        })?;
        Ok(())
    }
}

/// Where two trees differ, path by path, in byte order of the paths.
///
/// A directory in both is not itself a difference; one that is new or gone is,
/// and so is everything in it. Where nothing but a time differs, there is no
/// difference. No node that both sides share is read.
pub(crate) struct Differences {
    open: Vec<Pair>,
    budget: Budget,
}

/// What comes next in a comparison.
pub(super) enum Next {
    Difference(Difference),
    /// A directory that differs inside, and the turn of what is in it:
    /// [`enter`](Differences::enter) it, or it is left out.
    Below(Below),
}

/// Both sides of a directory that is being compared.
struct Pair {
    path: TreePath,
    level: Level,
    /// Directories in it that differ and whose turn has not come, the next one
    /// last: `/a/b` comes after `/a-b`, although `a` comes before `a-b`.
    waiting: Vec<Below>,
}

/// A directory that differs: where, and what either side has there; `None` where
/// that is no directory.
pub(super) struct Below {
    pub(super) path: TreePath,
    pub(super) old: Option<Directory>,
    pub(super) new: Option<Directory>,
}

impl Below {
    fn new(path: TreePath, old: Option<&Entry>, new: Option<&Entry>) -> Option<Self> {
        let directory = |entry: Option<&Entry>| entry.and_then(Entry::as_directory).copied();
        let below = Self {
            path,
            old: directory(old),
            new: directory(new),
        };
        (below.trees().0 != below.trees().1).then_some(below)
    }

    /// Returns both trees, that of no directory being empty.
    fn trees(&self) -> (TreeId, TreeId) {
        let tree = |side: &Option<Directory>| side.map_or_else(TreeId::empty, |side| side.tree);
        (tree(&self.old), tree(&self.new))
    }

    /// Tells whether what is in it comes before what is called `name` beside it.
    fn comes_before(&self, name: &Name) -> bool {
        let own = self.path.segments().next_back().unwrap_or_default();
        own.bytes().chain([b'/']).lt(name.as_str().bytes())
    }

    /// Returns the directory called `name` in it, where it differs. What cannot
    /// be a name is not found.
    fn find(&self, nodes: &dyn Nodes, name: &str) -> Result<Option<Self>> {
        let (old, new) = self.trees();
        let (old, new) = (lookup(nodes, &old, name)?, lookup(nodes, &new, name)?);
        if old.is_none() && new.is_none() {
            return Ok(None);
        }
        let path = self.path.join_relative(name)?;
        Ok(Self::new(path, old.as_ref(), new.as_ref()))
    }
}

impl Differences {
    /// Compares the directories `old` and `new`, which are at `path`. Leaves out
    /// what comes up to `after`, of which it reads a few nodes a directory. Fails
    /// with `LimitExceeded` past [`MAX_COMPARED`].
    pub(crate) fn new(
        nodes: &dyn Nodes,
        path: &TreePath,
        old: &TreeId,
        new: &TreeId,
        after: Option<&TreePath>,
    ) -> Result<Self> {
        let mut differences = Self::within(Budget::new(MAX_COMPARED));
        let directory = |tree: &TreeId| Directory {
            tree: *tree,
            ..Directory::empty()
        };
        let below = Below {
            path: path.clone(),
            old: Some(directory(old)),
            new: Some(directory(new)),
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

    /// Compares two whole trees.
    pub(super) fn between(
        nodes: &dyn Nodes,
        old: &TreeId,
        new: &TreeId,
        budget: Budget,
    ) -> Result<Self> {
        Self::below(nodes, &TreePath::root(), old, new, budget)
    }

    /// Compares the directories `old` and `new`, which are at `path`, as far as `budget`
    /// goes.
    pub(super) fn below(
        nodes: &dyn Nodes,
        path: &TreePath,
        old: &TreeId,
        new: &TreeId,
        budget: Budget,
    ) -> Result<Self> {
        let mut differences = Self::new(nodes, path, old, new, None)?;
        differences.budget = budget;
        Ok(differences)
    }

    fn within(budget: Budget) -> Self {
        Self {
            open: Vec::new(),
            budget,
        }
    }

    /// Returns what it may still look at.
    pub(super) fn into_budget(self) -> Budget {
        self.budget
    }

    /// Returns the next difference.
    ///
    /// # Errors
    /// `LimitExceeded` where it has looked at too much.
    pub(crate) fn next(&mut self, nodes: &dyn Nodes) -> Result<Option<Difference>> {
        loop {
            match self.step(nodes)? {
                None => return Ok(None),
                Some(Next::Difference(found)) => return Ok(Some(found)),
                Some(Next::Below(below)) => self.enter(nodes, &below)?,
            }
        }
    }

    /// Returns the next difference, or directory to be entered.
    pub(super) fn step(&mut self, nodes: &dyn Nodes) -> Result<Option<Next>> {
        while let Some(directory) = self.open.last_mut() {
            let Some(which) =
                directory
                    .level
                    .advance(nodes, Entry::same_but_time, &mut self.budget)?
            else {
                match directory.waiting.pop() {
                    Some(below) => return Ok(Some(Next::Below(below))),
                    None => drop(self.open.pop()),
                }
                continue;
            };
            if let Some(below) = directory.due(which) {
                return Ok(Some(Next::Below(below)));
            }
            if let Some(found) = directory.differ(which)? {
                return Ok(Some(Next::Difference(found)));
            }
        }
        Ok(None)
    }

    pub(super) fn enter(&mut self, nodes: &dyn Nodes, below: &Below) -> Result<()> {
        let (old, new) = below.trees();
        if old != new {
            self.budget.spend()?;
            self.open.push(Pair::over(nodes, below)?);
        }
        Ok(())
    }

    /// Enters a directory after the path `rest` in it.
    fn enter_after(&mut self, nodes: &dyn Nodes, below: Below, rest: &str) -> Result<()> {
        let (mut below, mut rest) = (below, rest);
        loop {
            let (old, new) = below.trees();
            if old == new {
                return Ok(());
            }
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
                    directory.level.pass(nodes, name.as_bytes())?;
                    self.open.push(directory);
                    return Ok(());
                }
                Some(deeper) => {
                    directory.level.pass(nodes, format!("{name}/").as_bytes())?;
                    self.open.push(directory);
                    let Some(found) = found else { return Ok(()) };
                    (below, rest) = (found, deeper);
                }
            }
        }
    }
}

impl Pair {
    fn over(nodes: &dyn Nodes, below: &Below) -> Result<Self> {
        let (old, new) = below.trees();
        Ok(Self {
            path: below.path.clone(),
            level: Level::over(nodes, &old, &new)?,
            waiting: Vec::new(),
        })
    }

    /// Takes out the waiting directory that comes before the entry in front.
    fn due(&mut self, which: Which) -> Option<Below> {
        let name = self.level.front(which)?;
        self.waiting.pop_if(|below| below.comes_before(name))
    }

    /// Takes the entry in front, lets what is in it wait, and returns it where it
    /// differs itself.
    fn differ(&mut self, which: Which) -> Result<Option<Difference>> {
        let Some((name, old, new)) = self.level.take(which) else {
            return Ok(None);
        };
        let path = self.path.join(&name)?;
        let both = [&old, &new].map(|side| matches!(side, Some(Entry::Directory(_))));
        let below = Below::new(path.clone(), old.as_ref(), new.as_ref());
        self.waiting.extend(below);
        Ok((both != [true, true]).then_some((path, old, new)))
    }
}

/// The entries of one directory on two sides, without what is in them.
pub(super) struct Level {
    old: Sequence,
    new: Sequence,
}

/// A name in a directory, and what either side has there.
pub(super) type Pairing = (Name, Option<Entry>, Option<Entry>);

impl Level {
    pub(super) fn over(nodes: &dyn Nodes, old: &TreeId, new: &TreeId) -> Result<Self> {
        Ok(Self {
            old: Sequence::over(nodes, old)?,
            new: Sequence::over(nodes, new)?,
        })
    }

    /// Returns the next name under which the sides are not the same.
    pub(super) fn next(
        &mut self,
        nodes: &dyn Nodes,
        same: fn(&Entry, &Entry) -> bool,
        budget: &mut Budget,
    ) -> Result<Option<Pairing>> {
        let which = self.advance(nodes, same, budget)?;
        Ok(which.and_then(|which| self.take(which)))
    }

    /// Goes to the next name under which the sides are not the same; returns
    /// which of them have it, `None` at the end.
    fn advance(
        &mut self,
        nodes: &dyn Nodes,
        same: fn(&Entry, &Entry) -> bool,
        budget: &mut Budget,
    ) -> Result<Option<Which>> {
        loop {
            match step(&self.old, &self.new) {
                Step::Done => return Ok(None),
                Step::Expand(which) => {
                    budget.spend()?;
                    if which != Which::New {
                        self.old.expand(nodes)?;
                    }
                    if which != Which::Old {
                        self.new.expand(nodes)?;
                    }
                    continue;
                }
                Step::Skip => {}
                // What is the same costs no more than the nodes that it is in, however
                // much of it there is before the next difference.
                Step::Differ(which) => match (self.old.front(), self.new.front()) {
                    (Some((_, Item::Entry(old))), Some((_, Item::Entry(new))))
                        if which == Which::Both && same(old, new) => {}
                    _ => {
                        budget.spend()?;
                        return Ok(Some(which));
                    }
                },
            }
            self.old.next();
            self.new.next();
        }
    }

    /// Returns the name in front, of the side that has it.
    fn front(&self, which: Which) -> Option<&Name> {
        let side = if which == Which::New {
            &self.new
        } else {
            &self.old
        };
        side.front().map(|(name, _)| name)
    }

    /// Takes what is in front.
    fn take(&mut self, which: Which) -> Option<Pairing> {
        let old = (which != Which::New).then(|| self.old.next()).flatten();
        let new = (which != Which::Old).then(|| self.new.next()).flatten();
        let name = old.as_ref().or(new.as_ref())?.0.clone();
        Some((name, entry_of(old), entry_of(new)))
    }

    /// Passes all names up to `bound`.
    fn pass(&mut self, nodes: &dyn Nodes, bound: &[u8]) -> Result<()> {
        self.old.pass(nodes, bound)?;
        self.new.pass(nodes, bound)
    }
}

fn entry_of(item: Option<(Name, Item)>) -> Option<Entry> {
    match item {
        Some((_, Item::Entry(entry))) => Some(entry),
        _ => None,
    }
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
