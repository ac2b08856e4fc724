//! Finding the paths at which two sides conflict.

use std::collections::{BTreeSet, HashSet};

use crate::conflict::{Conflict, PathList};
use crate::entry::{Directory, Entry};
use crate::error::Result;
use crate::id::TreeId;
use crate::path::TreePath;
use crate::tree::changed::{agree, entries_of};
use crate::tree::compare::{Below, Budget, Differences, Level, MAX_COMPARED, Next};
use crate::tree::decisions::Decisions;
use crate::tree::{Nodes, lookup};

/// How many directories without a conflict are remembered.
const MAX_CLEAN: usize = 1 << 16;

/// Lists the paths that both sides changed, without arriving at the same, or at which one
/// put something below what the other removed or made a file, but for those that
/// `decisions` decide.
///
/// Goes where [`merge`](super::merge) goes: through what `theirs` changed in directories
/// that both changed. What only one side changed costs nothing, unless it is in such a
/// directory and of `theirs`.
///
/// # Errors
/// `LimitExceeded` where it would look at more than [`MAX_COMPARED`] entries.
pub(crate) fn conflicts(
    nodes: &dyn Nodes,
    [base, ours, theirs]: [&TreeId; 3],
    decisions: &Decisions,
) -> Result<PathList> {
    let mut search = Search {
        nodes,
        decisions,
        budget: Budget::new(MAX_COMPARED),
        first: BTreeSet::new(),
        count: 0,
        met: 0,
        clean: HashSet::new(),
        open: Vec::new(),
    };
    search.enter(TreePath::root(), [*base, *ours, *theirs])?;
    search.run()?;
    Ok(PathList {
        paths: search.first.into_iter().collect(),
        count: search.count,
    })
}

struct Search<'a> {
    nodes: &'a dyn Nodes,
    decisions: &'a Decisions,
    budget: Budget,
    /// The first paths that are left open, in byte order: they are not found in it.
    first: BTreeSet<TreePath>,
    /// How many are left open.
    count: u64,
    /// How many conflicts there are, those that are decided included.
    met: u64,
    /// Directories in which nothing conflicts: one may be at many paths.
    clean: HashSet<[TreeId; 3]>,
    /// The directories that are being looked at, each in the one before.
    open: Vec<Open>,
}

/// A directory that both sides changed.
struct Open {
    path: TreePath,
    trees: [TreeId; 3],
    /// What `theirs` changed in it.
    changes: Level,
    /// How many conflicts were met before it.
    before: u64,
}

impl Search<'_> {
    fn run(&mut self) -> Result<()> {
        while let Some(open) = self.open.last_mut() {
            let next = open
                .changes
                .next(self.nodes, Entry::same_but_time, &mut self.budget)?;
            let Some((name, base, theirs)) = next else {
                self.leave();
                continue;
            };
            let ours = lookup(self.nodes, &open.trees[1], name.as_str())?;
            let path = open.path.join(&name)?;
            self.compare(path, [base, ours, theirs])?;
        }
        Ok(())
    }

    /// Enters a directory, unless one side of it is as it was, or both are the same.
    fn enter(&mut self, path: TreePath, trees: [TreeId; 3]) -> Result<()> {
        let [base, ours, theirs] = trees;
        let same = ours == base || theirs == base || ours == theirs;
        if same || self.clean.contains(&trees) || self.decisions.is_done_with(&path) {
            return Ok(());
        }
        self.budget.spend()?;
        self.open.push(Open {
            path,
            trees,
            changes: Level::over(self.nodes, &base, &theirs)?,
            before: self.met,
        });
        Ok(())
    }

    fn leave(&mut self) {
        if let Some(open) = self.open.pop()
            && open.before == self.met
            && self.clean.len() < MAX_CLEAN
        {
            self.clean.insert(open.trees);
        }
    }

    /// Looks at a path that `theirs` changed.
    fn compare(&mut self, path: TreePath, sides: [Option<Entry>; 3]) -> Result<()> {
        let [base, ours, theirs] = &sides;
        if agree(ours, base) && directory(ours) == directory(base) {
            return Ok(());
        }
        if !agree(ours, base) && !agree(theirs, base) && !agree(ours, theirs) {
            self.found(&path);
        }
        let [was, ours, theirs] = [base, ours, theirs].map(directory);
        let was = was.unwrap_or_else(TreeId::empty);
        match (ours, theirs) {
            (Some(ours), Some(theirs)) => self.enter(path, [was, ours, theirs]),
            // The other side has removed it, or made it a file.
            (Some(only), None) | (None, Some(only)) => self.cut_off(&path, &was, &only),
            (None, None) => Ok(()),
        }
    }

    /// Takes what one side put below what the other removed or made a file.
    fn cut_off(&mut self, path: &TreePath, was: &TreeId, is: &TreeId) -> Result<()> {
        let budget = std::mem::replace(&mut self.budget, Budget::new(0));
        let mut below = Differences::below(self.nodes, path, was, is, budget)?;
        loop {
            match below.step(self.nodes)? {
                None => break,
                Some(Next::Difference((path, _, new))) => {
                    if new.is_some() {
                        self.found(&path);
                    }
                }
                Some(Next::Below(inside)) if self.passes(&inside) => {}
                Some(Next::Below(inside)) => below.enter(self.nodes, &inside)?,
            }
        }
        self.budget = below.into_budget();
        Ok(())
    }

    /// Tells whether a directory below what is cut off need not be looked into: all of it
    /// is gone, or decided, or counted here by its totals.
    fn passes(&mut self, inside: &Below) -> bool {
        if inside.new.is_none() || self.decisions.is_done_with(&inside.path) {
            return true;
        }
        let behind = self.first.last().is_some_and(|last| inside.path > *last);
        match entries_of(inside) {
            Some(count) if behind && self.is_full() && self.decisions.is_empty() => {
                self.count = self.count.saturating_add(count);
                self.met = self.met.saturating_add(count);
                true
            }
            _ => false,
        }
    }

    fn found(&mut self, path: &TreePath) {
        self.met = self.met.saturating_add(1);
        if self.decisions.decide(path) {
            return;
        }
        self.count = self.count.saturating_add(1);
        self.first.insert(path.clone());
        if self.first.len() > Conflict::LISTED {
            self.first.pop_last();
        }
    }

    fn is_full(&self) -> bool {
        self.first.len() >= Conflict::LISTED
    }
}

fn directory(entry: &Option<Entry>) -> Option<TreeId> {
    let directory: Option<&Directory> = entry.as_ref().and_then(Entry::as_directory);
    directory.map(|directory| directory.tree)
}
