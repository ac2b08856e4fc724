//! One directory: looking up, listing and editing its entries.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::entry::{Directory, Entry};
use crate::error::Result;
use crate::id::TreeId;
use crate::path::Name;
use crate::tree::chunk::{Chunker, Cut};
use crate::tree::codec::{Child, Item, Node};
use crate::tree::{Nodes, load_below};

/// Returns the entry `name`, reading one node a level.
pub(crate) fn lookup(nodes: &dyn Nodes, tree: &TreeId, name: &str) -> Result<Option<Entry>> {
    let mut node = nodes.load(tree)?;
    loop {
        let at = node.position(name);
        node = match node.items.get(at) {
            Some((found, Item::Entry(entry))) if found.as_str() == name => {
                return Ok(Some(entry.clone()));
            }
            Some((_, Item::Child(child))) => load_below(nodes, &child.id, node.level)?,
            _ => return Ok(None),
        }
    }
}

/// Returns up to `limit` entries after `after`, in byte order of their names.
pub(crate) fn list(
    nodes: &dyn Nodes,
    tree: &TreeId,
    after: Option<&Name>,
    limit: usize,
) -> Result<Vec<(Name, Entry)>> {
    let mut found = Vec::new();
    let mut cursor = Cursor::seek(nodes, tree, 0, after.map_or("", Name::as_str))?;
    loop {
        for (name, item) in &cursor.node.items {
            if found.len() == limit {
                return Ok(found);
            }
            match item {
                Item::Entry(entry) if after.is_none_or(|after| name > after) => {
                    found.push((name.clone(), entry.clone()));
                }
                _ => {}
            }
        }
        if found.len() == limit || !cursor.advance(nodes)? {
            return Ok(found);
        }
    }
}

/// Returns the directory that results from putting (`Some`) and removing
/// (`None`) entries. Rewrites only the nodes that an edit falls into, their
/// neighbours where a cut moves, and the nodes above: O(edits · log entries).
pub(crate) fn edit(
    nodes: &dyn Nodes,
    old: &Directory,
    edits: BTreeMap<Name, Option<Entry>>,
) -> Result<Directory> {
    let root = nodes.load(&old.tree)?;
    let mut edits: Edits = edits
        .into_iter()
        .map(|(name, entry)| (name, entry.map(Item::Entry)))
        .collect();
    for level in 0..root.level {
        let replaced = edit_level(nodes, &old.tree, level, edits)?;
        edits = replaced
            .into_iter()
            .filter(|(_, (old, new))| *old != new.map(|child| child.id))
            .map(|(name, (_, new))| (name, new.map(Item::Child)))
            .collect();
        if edits.is_empty() {
            return Ok(*old);
        }
    }
    if edits.is_empty() {
        return Ok(*old);
    }
    // What the root became: all of it, not only what is new.
    let mut level = root.level;
    let mut top: Vec<(Name, Item)> = edit_level(nodes, &old.tree, level, edits)?
        .into_iter()
        .filter_map(|(name, (_, new))| Some((name, Item::Child(new?))))
        .collect();
    while top.len() > 1 {
        level += 1;
        let mut chunker = Chunker::new(level);
        let mut above = Vec::new();
        for (name, item) in top {
            if let Some(cut) = chunker.push(name, item) {
                above.push(save(nodes, cut)?);
            }
        }
        if let Some(cut) = chunker.finish() {
            above.push(save(nodes, cut)?);
        }
        top = above;
    }
    match top.pop() {
        Some((_, Item::Child(child))) => collapse(nodes, child),
        _ => Ok(Directory::empty()),
    }
}

/// Edits of one level: items put and removed under their names.
type Edits = BTreeMap<Name, Option<Item>>;

/// Nodes of one level under their last names: which was there, which is now.
type Replaced = BTreeMap<Name, (Option<TreeId>, Option<Child>)>;

/// Applies `edits` to the nodes of one level, and returns the nodes that were
/// read for it with what they became. To the level above these are edits of the
/// same kind, of its references.
fn edit_level(nodes: &dyn Nodes, tree: &TreeId, level: u8, edits: Edits) -> Result<Replaced> {
    let mut replaced = Replaced::new();
    let mut edits = edits.into_iter().peekable();
    while let Some((first, _)) = edits.peek() {
        let mut cursor = Cursor::seek(nodes, tree, level, first.as_str())?;
        let mut chunker = Chunker::new(level);
        let mut written: Vec<Cut> = Vec::new();
        loop {
            let last_node = cursor.at_end();
            if let Some((last, _)) = cursor.node.items.last() {
                replaced.insert(last.clone(), (Some(cursor.id), None));
            }
            for (name, item) in &cursor.node.items {
                while let Some((edit, put)) = edits.next_if(|(edit, _)| edit < name) {
                    written.extend(put.and_then(|put| chunker.push(edit, put)));
                }
                let edit = edits.next_if(|(edit, _)| edit == name);
                let kept = edit.map_or_else(|| Some(item.clone()), |(_, put)| put);
                written.extend(kept.and_then(|item| chunker.push(name.clone(), item)));
            }
            if last_node {
                for (name, put) in edits.by_ref() {
                    written.extend(put.and_then(|put| chunker.push(name, put)));
                }
                written.extend(chunker.finish());
            }
            if chunker.at_cut() {
                break;
            }
            cursor.advance(nodes)?;
        }
        for cut in written {
            let kept = replaced.entry(cut.last).or_default();
            if kept.0 != Some(cut.child.id) {
                nodes.save(&cut.child.id, &cut.encoded, cut.node)?;
            }
            kept.1 = Some(cut.child);
        }
    }
    Ok(replaced)
}

fn save(nodes: &dyn Nodes, cut: Cut) -> Result<(Name, Item)> {
    nodes.save(&cut.child.id, &cut.encoded, cut.node)?;
    Ok((cut.last, Item::Child(cut.child)))
}

/// A level of one node needs no level above it.
fn collapse(nodes: &dyn Nodes, mut child: Child) -> Result<Directory> {
    loop {
        let node = nodes.load(&child.id)?;
        match node.items.as_slice() {
            [(_, Item::Child(only))] => child = *only,
            _ => {
                return Ok(Directory {
                    tree: child.id,
                    summary: child.summary,
                });
            }
        }
    }
}

/// A place among the nodes of one level.
struct Cursor {
    above: Vec<(Rc<Node>, usize)>,
    node: Rc<Node>,
    id: TreeId,
    level: u8,
}

impl Cursor {
    /// Finds the node that holds `name`, or would.
    fn seek(nodes: &dyn Nodes, tree: &TreeId, level: u8, name: &str) -> Result<Self> {
        let node = nodes.load(tree)?;
        let mut cursor = Self {
            above: Vec::new(),
            node,
            id: *tree,
            level,
        };
        while cursor.node.level > level {
            let last = cursor.node.items.len() - 1;
            cursor.descend(nodes, cursor.node.position(name).min(last))?;
        }
        Ok(cursor)
    }

    fn descend(&mut self, nodes: &dyn Nodes, at: usize) -> Result<()> {
        if let Some((_, Item::Child(child))) = self.node.items.get(at) {
            let below = load_below(nodes, &child.id, self.node.level)?;
            self.id = child.id;
            self.above
                .push((std::mem::replace(&mut self.node, below), at));
        }
        Ok(())
    }

    fn at_end(&self) -> bool {
        self.above
            .iter()
            .all(|(node, at)| at + 1 == node.items.len())
    }

    /// Moves to the next node of the level; returns whether there was one.
    fn advance(&mut self, nodes: &dyn Nodes) -> Result<bool> {
        while let Some((node, at)) = self.above.pop() {
            if at + 1 < node.items.len() {
                self.node = node;
                self.descend(nodes, at + 1)?;
                while self.node.level > self.level {
                    self.descend(nodes, 0)?;
                }
                return Ok(true);
            }
        }
        Ok(false)
    }
}
