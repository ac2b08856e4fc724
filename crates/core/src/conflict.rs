//! What two sides changed, where they cannot both be kept.

use std::fmt;

use crate::path::TreePath;

/// The paths that two sides changed since a common tree.
///
/// For apply and rebase the sides are the copy's parent, head or another copy, and the
/// copy; for undo, `parent` holds what the copy changed later and `copy` what undoing would change back. Each
/// list is in byte order and holds at most [`Conflict::LISTED`] paths; the
/// counts are of all, unless there are more than [`Conflict::COMPARED`]. A path at
/// which nothing but a time differs is not changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Conflict {
    /// Changed in the parent only.
    pub parent: PathList,
    /// Changed in the copy only.
    pub copy: PathList,
    /// Changed in both, differently, or one inside what the other replaced.
    pub both: PathList,
}

impl Conflict {
    /// How many paths a list names.
    pub const LISTED: usize = 1000;
    /// How many entries a side are looked at, one by one: where more differ, the
    /// counts are of those. A directory that is new or gone counts with all that
    /// is in it.
    pub const COMPARED: u64 = 100_000;
}

/// A counted list of paths of which the first [`Conflict::LISTED`] are named.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PathList {
    /// The first paths, in byte order.
    pub paths: Vec<TreePath>,
    /// How many there are; see [`Conflict::COMPARED`].
    pub count: u64,
}

impl PathList {
    pub(crate) fn push(&mut self, path: &TreePath) {
        self.count = self.count.saturating_add(1);
        if self.paths.len() < Conflict::LISTED {
            self.paths.push(path.clone());
        }
    }
}

impl FromIterator<TreePath> for PathList {
    fn from_iter<I: IntoIterator<Item = TreePath>>(paths: I) -> Self {
        let mut list = Self::default();
        paths.into_iter().for_each(|path| list.push(&path));
        list
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} changed in the parent, {} in the copy, {} in both",
            self.parent.count, self.copy.count, self.both.count
        )?;
        if let Some(path) = self.both.paths.first() {
            write!(f, ", first {path}")?;
        }
        Ok(())
    }
}
