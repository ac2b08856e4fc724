//! The items of one directory in order, read no deeper than asked.

use std::rc::Rc;

use crate::error::Result;
use crate::id::TreeId;
use crate::path::Name;
use crate::tree::codec::{Item, Node};
use crate::tree::{Nodes, load_below};

/// A place among the items of a directory: entries, and children that stand
/// for the entries below them.
pub(crate) struct Sequence {
    stack: Vec<(Rc<Node>, usize)>,
    passed: Option<Name>,
}

impl Sequence {
    pub(crate) fn over(nodes: &dyn Nodes, tree: &TreeId) -> Result<Self> {
        let mut sequence = Self {
            stack: vec![(nodes.load(tree)?, 0)],
            passed: None,
        };
        sequence.settle();
        Ok(sequence)
    }

    /// Returns the item in front.
    pub(crate) fn front(&self) -> Option<&(Name, Item)> {
        self.stack.last().and_then(|(node, at)| node.items.get(*at))
    }

    /// Tells whether everything up to `name` was passed.
    pub(crate) fn is_past(&self, name: &Name) -> bool {
        self.passed.as_ref().is_some_and(|passed| name <= passed)
    }

    /// Returns the level of the item in front; 0 for an entry.
    pub(crate) fn level(&self) -> u8 {
        self.stack.last().map_or(0, |(node, _)| node.level)
    }

    /// Passes the item in front and returns it.
    pub(crate) fn next(&mut self) -> Option<(Name, Item)> {
        let front = self.front().cloned();
        if let (Some((name, _)), Some((_, at))) = (&front, self.stack.last_mut()) {
            self.passed = Some(name.clone());
            *at += 1;
            self.settle();
        }
        front
    }

    /// Passes all names up to `bound`, reading what they share nodes with.
    pub(crate) fn pass(&mut self, nodes: &dyn Nodes, bound: &[u8]) -> Result<()> {
        while let Some((name, item)) = self.front() {
            match item {
                _ if name.as_str().as_bytes() <= bound => drop(self.next()),
                Item::Child(_) => self.expand(nodes)?,
                Item::Entry(_) => break,
            }
        }
        Ok(())
    }

    /// Replaces the child in front by its items.
    pub(crate) fn expand(&mut self, nodes: &dyn Nodes) -> Result<()> {
        let Some((node, at)) = self.stack.last_mut() else {
            return Ok(());
        };
        let Some((_, Item::Child(child))) = node.items.get(*at) else {
            return Ok(());
        };
        let below = load_below(nodes, &child.id, node.level)?;
        *at += 1;
        self.stack.push((below, 0));
        self.settle();
        Ok(())
    }

    fn settle(&mut self) {
        while self
            .stack
            .last()
            .is_some_and(|(node, at)| *at >= node.items.len())
        {
            self.stack.pop();
        }
    }
}
