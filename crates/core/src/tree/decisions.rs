//! What somebody decided for paths at which two sides cannot both be kept.

use std::cell::Cell;
use std::collections::BTreeMap;

use crate::entry::Entry;
use crate::path::{Name, TreePath};

/// What is to be at a path.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Decision {
    /// What the side that is carried over to has there, and below it.
    Ours,
    /// What the side that is carried over has there, and below it.
    Theirs,
    /// This.
    Entry(Entry),
}

/// Decisions by path, none below another.
#[derive(Debug, Default)]
pub(crate) struct Decisions {
    here: Option<Decision>,
    below: BTreeMap<Name, Decisions>,
    /// Whether a conflict was met that this decides.
    met: Cell<bool>,
}

impl Decisions {
    /// Adds one; returns `false` where one is there, above it or below it already.
    pub(crate) fn add(&mut self, path: &TreePath, decision: Decision) -> bool {
        let mut at = self;
        for name in path.names() {
            if at.here.is_some() {
                return false;
            }
            at = at.below.entry(name).or_default();
        }
        let free = at.here.is_none() && at.below.is_empty();
        if free {
            at.here = Some(decision);
        }
        free
    }

    /// Tells whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.here.is_none() && self.below.is_empty()
    }

    /// Returns the decision for this very path.
    pub(super) fn here(&self) -> Option<&Decision> {
        self.here.as_ref()
    }

    /// Returns those at and below a name.
    pub(super) fn at(&self, name: &Name) -> Option<&Self> {
        self.below.get(name)
    }

    /// Returns the names at or below which there are any.
    pub(super) fn names(&self) -> impl Iterator<Item = &Name> {
        self.below.keys()
    }

    /// Tells whether all of them are this one.
    pub(super) fn all(&self, decision: &Decision) -> bool {
        let mut open = vec![self];
        while let Some(at) = open.pop() {
            if at.here.as_ref().is_some_and(|here| here != decision) {
                return false;
            }
            open.extend(at.below.values());
        }
        true
    }

    /// Tells whether the conflict at `path` is decided, and remembers that it was met.
    pub(super) fn decide(&self, path: &TreePath) -> bool {
        let decides = self.of(path);
        if let Some(at) = decides {
            at.met.set(true);
        }
        decides.is_some()
    }

    /// Tells whether all that is at and below `path` is decided by what has decided a
    /// conflict already.
    pub(super) fn is_done_with(&self, path: &TreePath) -> bool {
        self.of(path).is_some_and(|at| at.met.get())
    }

    /// Returns where the decision for what is at `path` stands: there, or above it.
    fn of(&self, path: &TreePath) -> Option<&Self> {
        let mut at = self;
        let mut names = path.segments();
        while at.here.is_none() {
            at = at.below.get(names.next()?)?;
        }
        Some(at)
    }

    /// Returns the first path of a decision that decided no conflict which was met.
    pub(crate) fn idle(&self) -> Option<TreePath> {
        let mut open = vec![(TreePath::root(), self)];
        while let Some((path, at)) = open.pop() {
            if at.here.is_some() && !at.met.get() {
                return Some(path);
            }
            let below = at.below.iter().rev();
            open.extend(below.filter_map(|(name, at)| Some((path.join(name).ok()?, at))));
        }
        None
    }
}
