//! Everything below a directory, depth first.

use crate::entry::Entry;
use crate::error::Result;
use crate::id::TreeId;
use crate::path::TreePath;
use crate::tree::Nodes;
use crate::tree::codec::Item;
use crate::tree::sequence::Sequence;

/// Walks a tree: a directory before its entries, names in byte order. Holds one
/// node a level in memory.
pub(crate) struct Walker {
    open: Vec<(TreePath, Sequence)>,
}

impl Walker {
    /// Starts below the directory `tree`, whose path is `path`.
    pub(crate) fn new(nodes: &dyn Nodes, path: TreePath, tree: &TreeId) -> Result<Self> {
        Ok(Self {
            open: vec![(path, Sequence::over(nodes, tree)?)],
        })
    }

    /// Returns the next entry, without entering it yet.
    pub(crate) fn next(&mut self, nodes: &dyn Nodes) -> Result<Option<(TreePath, Entry)>> {
        while let Some((path, sequence)) = self.open.last_mut() {
            match sequence.front() {
                None => {
                    self.open.pop();
                }
                Some((_, Item::Child(_))) => sequence.expand(nodes)?,
                Some((name, Item::Entry(entry))) => {
                    let found = (path.join(name)?, entry.clone());
                    sequence.next();
                    return Ok(Some(found));
                }
            }
        }
        Ok(None)
    }

    /// Continues inside a directory that [`next`](Self::next) has just returned.
    pub(crate) fn enter(&mut self, nodes: &dyn Nodes, path: TreePath, tree: &TreeId) -> Result<()> {
        self.open.push((path, Sequence::over(nodes, tree)?));
        Ok(())
    }

    /// Leaves the directory `path`, wherever below it the walk is.
    pub(crate) fn leave(&mut self, path: &TreePath) {
        while self
            .open
            .last()
            .is_some_and(|(open, _)| open.starts_with(path))
        {
            self.open.pop();
        }
    }
}
