//! Directories: their nodes, cuts and totals.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;

use crate::entry::{Directory, Entry, File, Summary};
use crate::error::{Error, ErrorKind, Result};
use crate::id::TreeId;
use crate::store::MetaTx as _;
use crate::tree::{Item, Node, Nodes, edit};
use crate::workspace::fsck::{Check, PAGE, pass, undecodable};
use crate::workspace::tx::Tx;

/// What is known of a directory's totals.
pub(super) enum Known {
    /// Which directories state which, to be compared with what they are.
    Stated(Vec<(TreeId, Summary)>),
    /// What they are; `None` where a node of it is damaged.
    Built(Option<Summary>),
}

impl Check<'_> {
    /// Goes through all directories that can be reached from the roots.
    pub(super) async fn trees(&mut self) -> Result<()> {
        while !self.todo.is_empty() {
            self.workspace.read("check", |tx| {
                let before = self.report.nodes;
                while self.report.nodes - before < PAGE as u64 {
                    let Some(tree) = self.todo.pop() else { break };
                    self.directory(tx, tree)?;
                }
                Ok(())
            })?;
            pass().await;
        }
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

    /// Takes a directory as an entry of `parent` states it.
    fn stated(&mut self, parent: TreeId, stated: &Directory) {
        let (tree, summary) = (stated.tree, stated.summary);
        let built = if tree == TreeId::empty() {
            Some(Summary::default())
        } else {
            let known = self.trees.entry(tree).or_insert_with(|| {
                self.todo.push(tree);
                Known::Stated(Vec::new())
            });
            match known {
                Known::Built(built) => *built,
                Known::Stated(all) => {
                    if all.iter().all(|(_, other)| *other != summary) {
                        all.push((parent, summary));
                    }
                    None
                }
            }
        };
        if let Some(built) = built {
            self.compare(tree, built, parent, summary);
        }
    }

    fn compare(&mut self, tree: TreeId, built: Summary, parent: TreeId, stated: Summary) {
        if built != stated {
            self.problem(
                format!("directory {tree}"),
                format!("its totals are wrong in directory {parent}"),
            );
        }
    }

    /// Reads a directory's nodes, and builds it anew from its entries: the same
    /// entries must give the same id and totals.
    fn directory(&mut self, tx: &Tx<'_>, tree: TreeId) -> Result<()> {
        self.report.directories += 1;
        let mut entries = BTreeMap::new();
        let mut below = HashSet::from([tree]);
        let mut open = vec![tree];
        let mut whole = true;
        while let Some(id) = open.pop() {
            let Some(node) = self.node(tx, &id)? else {
                whole = false;
                continue;
            };
            for (name, item) in node.items {
                match item {
                    // A second time its entries would only be met again.
                    Item::Child(child) if below.insert(child.id) => open.push(child.id),
                    Item::Child(_) => {}
                    Item::Entry(entry) => {
                        match &entry {
                            Entry::Directory(directory) => self.stated(tree, directory),
                            Entry::File(file) => self.file(file),
                            Entry::Symlink(_) => {}
                        }
                        entries.insert(name, Some(entry));
                    }
                }
            }
        }
        let mut summary = None;
        if whole {
            let built = edit(&Scratch::default(), &Directory::empty(), entries)?;
            if built.tree != tree {
                self.problem(
                    format!("directory {tree}"),
                    "its nodes are not cut as they should be",
                );
            }
            summary = Some(built.summary);
        }
        let known = self.trees.insert(tree, Known::Built(summary));
        if let (Some(Known::Stated(all)), Some(built)) = (known, summary) {
            for (parent, stated) in all {
                self.compare(tree, built, parent, stated);
            }
        }
        Ok(())
    }

    fn node(&mut self, tx: &Tx<'_>, id: &TreeId) -> Result<Option<Node>> {
        if self.nodes.insert(*id) {
            self.report.nodes += 1;
        }
        let subject = format!("node {id}");
        let Some(found) = self.decoded(&subject, tx.rows.node(id))? else {
            return Ok(None);
        };
        let Some(encoded) = found else {
            self.problem(subject, "it is missing");
            return Ok(None);
        };
        if TreeId::of_node(&encoded) != *id {
            self.problem(subject, "its bytes are not those that were stored");
            return Ok(None);
        }
        match Node::decode(&encoded) {
            Ok(node) => Ok(Some(node)),
            Err(error) => {
                self.problem(subject, undecodable(error.detail()));
                Ok(None)
            }
        }
    }

    fn file(&mut self, file: &File) {
        match self.contents.insert(file.content, file.size) {
            Some(size) if size != file.size => {
                self.problem(
                    format!("content {}", file.content),
                    "entries disagree on its size",
                );
            }
            _ => {}
        }
    }
}

/// Holds the nodes of one directory while it is built anew.
#[derive(Default)]
struct Scratch(RefCell<HashMap<TreeId, Rc<Node>>>);

impl Nodes for Scratch {
    fn load(&self, id: &TreeId) -> Result<Rc<Node>> {
        if *id == TreeId::empty() {
            return Ok(Rc::new(Node {
                level: 0,
                items: Vec::new(),
            }));
        }
        self.0
            .borrow()
            .get(id)
            .cloned()
            .ok_or_else(|| Error::new(ErrorKind::Corrupt, "check").at(id))
    }

    fn save(&self, id: &TreeId, _: &[u8], node: Node) -> Result<()> {
        self.0.borrow_mut().insert(*id, Rc::new(node));
        Ok(())
    }
}
