//! Directories as Merkle nodes: reading, editing, comparing, merging.
//!
//! Everything here works on node ids alone and knows no workspace, copy or
//! store; [`Nodes`] is its only way out.

mod changed;
mod chunk;
mod codec;
mod compare;
mod conflicts;
mod decisions;
mod directory;
mod editor;
mod edits;
mod merge;
mod sequence;
mod walk;

#[cfg(test)]
mod tests;

use std::rc::Rc;

pub(crate) use changed::{agree, changed_beside, changed_paths, may_hold};
pub(crate) use chunk::{Ends, ends};
pub(crate) use codec::{Item, Node, encode_node};
pub(crate) use compare::Differences;
pub(crate) use conflicts::conflicts;
pub(crate) use decisions::{Decision, Decisions};
pub(crate) use directory::{edit, list, lookup};
pub(crate) use editor::{Editor, Found, MAX_OPENED};
pub(crate) use merge::{Merged, merge, merge_decided};
pub(crate) use walk::Walker;

use crate::entry::{Directory, Entry};
use crate::error::{Error, ErrorKind, Result};
use crate::id::TreeId;
use crate::path::TreePath;

/// Where nodes are kept. The node of [`TreeId::empty`] is implied, never saved.
pub(crate) trait Nodes {
    /// Returns a node; `Corrupt` where it is missing or does not decode.
    fn load(&self, id: &TreeId) -> Result<Rc<Node>>;
    /// Stores a node, given both encoded and as what that decodes to; storing one
    /// that is there is cheap.
    fn save(&self, id: &TreeId, encoded: &[u8], node: Node) -> Result<()>;
}

/// Returns the entry at `path`; the root is a directory like any other.
pub(crate) fn resolve(nodes: &dyn Nodes, root: &TreeId, path: &TreePath) -> Result<Option<Entry>> {
    let mut entry = None;
    let mut tree = *root;
    let mut names = path.segments().peekable();
    while let Some(name) = names.next() {
        entry = lookup(nodes, &tree, name)?;
        match &entry {
            Some(Entry::Directory(directory)) => tree = directory.tree,
            Some(_) if names.peek().is_none() => {}
            _ => return Ok(None),
        }
    }
    match entry {
        None => Ok(Some(Entry::Directory(directory_of(nodes, root)?))),
        found => Ok(found),
    }
}

/// Returns `tree` as an entry, its totals summed over its root node.
pub(crate) fn directory_of(nodes: &dyn Nodes, tree: &TreeId) -> Result<Directory> {
    Ok(Directory {
        tree: *tree,
        summary: nodes.load(tree)?.summary(),
    })
}

/// Loads the node that a parent at `level` refers to; its level must be one
/// less, or altered data could send a reader round in circles.
fn load_below(nodes: &dyn Nodes, id: &TreeId, level: u8) -> Result<Rc<Node>> {
    let node = nodes.load(id)?;
    if node.level.checked_add(1) == Some(level) {
        Ok(node)
    } else {
        Err(Error::new(ErrorKind::Corrupt, "read node")
            .at(id)
            .because(format!("level {} below level {level}", node.level)))
    }
}
