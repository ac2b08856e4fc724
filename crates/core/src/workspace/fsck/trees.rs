//! Directories: their nodes, cuts and totals.
//!
//! Each node is looked at once, after those below it. Where its items are cut depends
//! on them alone, and so do its totals, so little has to be kept of it for the nodes
//! above, and a directory costs the nodes that no other one has.

use crate::entry::{Directory, Entry, File, Summary};
use crate::error::Result;
use crate::id::TreeId;
use crate::path::Name;
use crate::store::MetaTx as _;
use crate::tree::{Ends, Item, Node, ends};
use crate::workspace::fsck::{Check, pass, undecodable};
use crate::workspace::tx::Tx;

const NOT_CUT: &str = "its nodes are not cut as they should be";

/// What is known of a directory's totals.
pub(super) enum Known {
    /// Which nodes state which, to be compared with what they are.
    Stated(Vec<(TreeId, Summary)>),
    /// What they are; `None` where a node of it is damaged.
    Counted(Option<Summary>),
}

/// What the nodes above have to know of a node.
pub(super) struct Span {
    level: u8,
    /// The names of the first and the last entry below it.
    first: Name,
    last: Name,
    summary: Summary,
    /// Whether it ends at a cut, with the last ones below it, so that others of its
    /// level may follow.
    ends: bool,
    /// Whether it holds one item only.
    single: bool,
}

/// A node that waits for those below it to be looked at.
struct Open {
    id: TreeId,
    node: Node,
    /// The item to go on with.
    next: usize,
}

impl Check<'_> {
    /// Goes through all directories that can be reached from the roots.
    pub(super) async fn trees(&mut self) -> Result<()> {
        let mut way = Vec::new();
        let mut more = true;
        while more {
            more = self.workspace.read("check", |tx| {
                for _ in 0..self.options.rows {
                    if !self.next_node(tx, &mut way)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            })?;
            pass().await;
        }
        self.report.nodes = self.nodes.len() as u64;
        self.report.contents = self.contents.len() as u64;
        Ok(())
    }

    /// Takes a tree that a row names as a root.
    pub(super) fn root(&mut self, tree: TreeId) {
        self.report.roots += 1;
        if tree == TreeId::empty() || self.pins.contains_key(&tree) {
            return;
        }
        self.pins.insert(tree, self.workspace.pin(tree));
        self.trees.entry(tree).or_insert_with(|| {
            self.todo.push(tree);
            Known::Stated(Vec::new())
        });
    }

    /// Reads a node, or is done with one; returns whether there was one. `way` are
    /// those above it in its directory.
    fn next_node(&mut self, tx: &Tx<'_>, way: &mut Vec<Open>) -> Result<bool> {
        let next = match way.last_mut() {
            Some(open) => self.next_below(open),
            None => self.todo.pop(),
        };
        let id = if let Some(id) = next {
            if !self.nodes.contains_key(&id) {
                match self.node(tx, &id)? {
                    Some(node) => way.push(Open { id, node, next: 0 }),
                    None => drop(self.nodes.insert(id, None)),
                }
            }
            id
        } else {
            let Some(open) = way.pop() else {
                return Ok(false);
            };
            let span = self.span(&open);
            self.nodes.insert(open.id, span);
            open.id
        };
        if way.is_empty() {
            self.directory(id);
        }
        Ok(true)
    }

    /// Returns the next node below one that was not looked at.
    fn next_below(&self, open: &mut Open) -> Option<TreeId> {
        while let Some((_, item)) = open.node.items.get(open.next) {
            open.next += 1;
            if let Item::Child(child) = item
                && !self.nodes.contains_key(&child.id)
            {
                return Some(child.id);
            }
        }
        None
    }

    /// Reads a node, and takes what its entries refer to.
    fn node(&mut self, tx: &Tx<'_>, id: &TreeId) -> Result<Option<Node>> {
        let subject = format!("node {id}");
        let found = self.decoded(&subject, tx.rows.node(id))?;
        let why = match found.as_ref().map(|found| found.as_ref()) {
            // It has been said.
            None => None,
            Some(None) => Some("it is missing".into()),
            Some(Some(encoded)) if TreeId::of_node(encoded) != *id => {
                Some("its bytes are not those that were stored".into())
            }
            Some(Some(encoded)) => match Node::decode(encoded) {
                Ok(node) => {
                    self.entries(id, &node);
                    return Ok(Some(node));
                }
                Err(error) => Some(undecodable(error.detail())),
            },
        };
        if let Some(why) = why {
            self.problem(subject, why);
        }
        self.partial = true;
        Ok(None)
    }

    fn entries(&mut self, id: &TreeId, node: &Node) {
        for (_, item) in &node.items {
            match item {
                Item::Entry(Entry::Directory(directory)) => self.stated(*id, directory),
                Item::Entry(Entry::File(file)) => self.file(file),
                Item::Entry(Entry::Symlink(_)) | Item::Child(_) => {}
            }
        }
    }

    /// Checks a node against those below it, which were looked at.
    fn span(&mut self, open: &Open) -> Option<Span> {
        let Open { id, node, .. } = open;
        let subject = format!("node {id}");
        let Some(((first, _), (last, _))) = node.items.first().zip(node.items.last()) else {
            self.problem(subject, "it is empty");
            return None;
        };
        let ends = ends(node);
        let mut span = Span {
            level: node.level,
            first: first.clone(),
            last: last.clone(),
            summary: node.summary(),
            ends: ends == Ends::Here,
            single: node.items.len() == 1,
        };
        let mut cut = ends != Ends::Early;
        let mut wrong = Vec::new();
        let mut before: Option<&Span> = None;
        for (name, item) in &node.items {
            let Item::Child(child) = item else { break };
            let below = self.nodes.get(&child.id)?.as_ref()?;
            cut &= below.level.checked_add(1) == Some(node.level) && below.last == *name;
            match before {
                Some(before) => cut &= before.ends && before.last < below.first,
                None => span.first = below.first.clone(),
            }
            if below.summary != child.summary {
                wrong.push(child.id);
            }
            before = Some(below);
        }
        span.ends &= before.is_none_or(|last| last.ends);
        if !cut {
            self.problem(subject, NOT_CUT);
        }
        for below in wrong {
            self.wrong_totals(format!("node {below}"), *id);
        }
        Some(span)
    }

    /// Compares a directory with what states it, once its nodes were looked at.
    fn directory(&mut self, tree: TreeId) {
        self.report.directories += 1;
        let root = self.nodes.get(&tree).and_then(Option::as_ref);
        let summary = root.map(|root| root.summary);
        // A level of one node has none above it.
        if root.is_some_and(|root| root.level > 0 && root.single) {
            self.problem(format!("directory {tree}"), NOT_CUT);
        }
        let known = self.trees.insert(tree, Known::Counted(summary));
        if let (Some(Known::Stated(all)), Some(counted)) = (known, summary) {
            for (parent, stated) in all {
                self.compare(tree, counted, parent, stated);
            }
        }
    }

    /// Takes a directory as an entry in the node `parent` states it.
    fn stated(&mut self, parent: TreeId, stated: &Directory) {
        let (tree, summary) = (stated.tree, stated.summary);
        let counted = if tree == TreeId::empty() {
            Some(Summary::default())
        } else {
            let known = self.trees.entry(tree).or_insert_with(|| {
                self.todo.push(tree);
                Known::Stated(Vec::new())
            });
            match known {
                Known::Counted(counted) => *counted,
                Known::Stated(all) => {
                    if all.iter().all(|(_, other)| *other != summary) {
                        all.push((parent, summary));
                    }
                    None
                }
            }
        };
        if let Some(counted) = counted {
            self.compare(tree, counted, parent, summary);
        }
    }

    fn compare(&mut self, tree: TreeId, counted: Summary, parent: TreeId, stated: Summary) {
        if counted != stated {
            self.wrong_totals(format!("directory {tree}"), parent);
        }
    }

    fn wrong_totals(&mut self, subject: String, parent: TreeId) {
        self.problem(subject, format!("its totals are wrong in node {parent}"));
    }

    fn file(&mut self, file: &File) {
        let size = *self.contents.entry(file.content).or_insert(file.size);
        if size != file.size && self.disputed.insert(file.content) {
            self.problem(
                format!("content {}", file.content),
                "entries disagree on its size",
            );
        }
    }
}
