//! The files of one mount: a tree, or a copy's over a base's.

use std::collections::BTreeMap;

use crate::entry::{Directory, Entry};
use crate::error::Result;
use crate::id::TreeId;
use crate::mounted::WHITEOUT;
use crate::path::{Name, TreePath};
use crate::tree::{Nodes, list, lookup};

/// How many entries are read at once where not all of them show.
const PAGE: usize = 256;

/// A directory of a mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layers {
    /// One of a tree.
    One(TreeId),
    /// A copy's over a base's, where both are there.
    Two {
        copy: Option<TreeId>,
        base: Option<TreeId>,
    },
}

/// What is in a directory of a mount.
#[derive(Debug, Clone)]
pub(super) enum Node {
    /// A file or a symlink, and whether it is the base's.
    Leaf { entry: Entry, of_base: bool },
    /// A directory, with its totals where it is as it is in a tree.
    Directory(Layers, Option<Directory>),
}

impl Layers {
    /// Returns what has this name.
    pub(super) fn child(&self, nodes: &dyn Nodes, name: &str) -> Result<Option<Node>> {
        match self {
            Self::One(tree) => Ok(lookup(nodes, tree, name)?.map(single)),
            Self::Two { copy, base } => {
                let find = |tree: &Option<TreeId>| match tree {
                    Some(tree) => lookup(nodes, tree, name),
                    None => Ok(None),
                };
                self.compose(nodes, name, find(copy)?, find(base)?)
            }
        }
    }

    /// Returns what is at a path below it.
    pub(super) fn find(&self, nodes: &dyn Nodes, path: &TreePath) -> Result<Option<Node>> {
        let mut found = Node::Directory(*self, None);
        for name in path.segments() {
            let Node::Directory(layers, _) = &found else {
                return Ok(None);
            };
            match layers.child(nodes, name)? {
                Some(child) => found = child,
                None => return Ok(None),
            }
        }
        Ok(Some(found))
    }

    /// Returns what shows of a name that the copy and the base have this of.
    fn compose(
        &self,
        nodes: &dyn Nodes,
        name: &str,
        copy: Option<Entry>,
        base: Option<Entry>,
    ) -> Result<Option<Node>> {
        // What begins like a whiteout is one in the copy, and a name in the base.
        let copy = copy.filter(|_| !name.starts_with(WHITEOUT));
        let base = match base {
            Some(base) if !self.hides(nodes, name)? => Some(base),
            _ => None,
        };
        let directory = |entry: &Option<Entry>| {
            let directory = entry.as_ref().and_then(Entry::as_directory);
            directory.map(|directory| directory.tree)
        };
        let layers = Self::Two {
            copy: directory(&copy),
            base: directory(&base),
        };
        Ok(match (copy, base) {
            (Some(Entry::Directory(_)), _) => Some(Node::Directory(layers, None)),
            (None, Some(Entry::Directory(below))) => Some(Node::Directory(layers, Some(below))),
            (Some(entry), _) => Some(Node::Leaf {
                entry,
                of_base: false,
            }),
            (None, Some(entry)) => Some(Node::Leaf {
                entry,
                of_base: true,
            }),
            (None, None) => None,
        })
    }

    /// Tells whether the copy hides what the base has of this name.
    pub(super) fn hides(&self, nodes: &dyn Nodes, name: &str) -> Result<bool> {
        match self {
            Self::Two {
                copy: Some(copy), ..
            } => Ok(lookup(nodes, copy, &format!("{WHITEOUT}{name}"))?.is_some()),
            _ => Ok(false),
        }
    }

    /// Returns up to `limit` entries after `after`, in byte order of their names. Reads
    /// over what is hidden.
    pub(super) fn page(
        &self,
        nodes: &dyn Nodes,
        after: Option<&Name>,
        limit: usize,
    ) -> Result<Vec<(Name, Node)>> {
        let (copy, base) = match self {
            Self::One(tree) => {
                let page = list(nodes, tree, after, limit)?;
                return Ok(page
                    .into_iter()
                    .map(|(name, entry)| (name, single(entry)))
                    .collect());
            }
            Self::Two { copy, base } => (copy, base),
        };
        let mut found = Vec::new();
        let mut after = after.cloned();
        loop {
            let size = limit.saturating_sub(found.len()).max(PAGE);
            let read = |tree: &Option<TreeId>| match tree {
                Some(tree) => list(nodes, tree, after.as_ref(), size),
                None => Ok(Vec::new()),
            };
            let pages = [read(copy)?, read(base)?];
            // Up to here both are known.
            let ends = pages.iter().filter(|page| page.len() >= size);
            let end = ends.filter_map(|page| page.last()).map(|(name, _)| name);
            let end = end.min().cloned();
            let mut names: BTreeMap<Name, [Option<Entry>; 2]> = BTreeMap::new();
            for (side, page) in pages.into_iter().enumerate() {
                for (name, entry) in page {
                    if end.as_ref().is_none_or(|end| name <= *end)
                        && let Some(place) = names.entry(name).or_default().get_mut(side)
                    {
                        *place = Some(entry);
                    }
                }
            }
            for (name, [copy, base]) in names {
                if let Some(node) = self.compose(nodes, name.as_str(), copy, base)? {
                    found.push((name, node));
                }
            }
            if found.len() >= limit || end.is_none() {
                found.truncate(limit);
                return Ok(found);
            }
            after = end;
        }
    }
}

/// Returns an entry of a tree that nothing is over or below.
fn single(entry: Entry) -> Node {
    match entry {
        Entry::Directory(directory) => {
            Node::Directory(Layers::One(directory.tree), Some(directory))
        }
        entry => Node::Leaf {
            entry,
            of_base: false,
        },
    }
}
