//! Trees that somebody reads, and that nothing may refer to any more.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use crate::id::TreeId;
use crate::workspace::{Inner, Workspace};

/// The trees that are pinned, and which of them a collection has to mark.
#[derive(Default)]
pub(super) struct Pins {
    /// How often each is pinned.
    counts: HashMap<TreeId, usize>,
    /// Those that the collection under way has not marked.
    unmarked: HashSet<TreeId>,
}

impl Pins {
    /// Takes note that a collection begins, or that what it marked may not have been
    /// committed.
    pub(super) fn forget_marks(&mut self) {
        self.unmarked = self.counts.keys().copied().collect();
    }

    /// Returns a tree to mark, which then counts as marked.
    pub(super) fn take_unmarked(&mut self) -> Option<TreeId> {
        let tree = self.unmarked.iter().next().copied()?;
        self.unmarked.remove(&tree);
        Some(tree)
    }

    fn add(&mut self, tree: TreeId) {
        let count = self.counts.entry(tree).or_default();
        if *count == 0 {
            self.unmarked.insert(tree);
        }
        *count += 1;
    }

    fn remove(&mut self, tree: &TreeId) {
        if let Some(count) = self.counts.get_mut(tree) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(tree);
                self.unmarked.remove(tree);
            }
        }
    }
}

/// Keeps a tree that somebody reads from being collected.
pub(crate) struct Pin {
    inner: Rc<Inner>,
    tree: TreeId,
}

impl Drop for Pin {
    fn drop(&mut self) {
        self.inner.pins.borrow_mut().remove(&self.tree);
    }
}

impl Workspace {
    /// Keeps the collector off a tree until the pin is dropped.
    pub(crate) fn pin(&self, tree: TreeId) -> Rc<Pin> {
        self.inner.pins.borrow_mut().add(tree);
        Rc::new(Pin {
            inner: Rc::clone(&self.inner),
            tree,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_marked_once_however_often_it_is_pinned() {
        let mut pins = Pins::default();
        let tree = TreeId::from_bytes([1; 32]);
        pins.add(tree);
        assert_eq!(pins.take_unmarked(), Some(tree));
        pins.add(tree);
        assert_eq!(pins.take_unmarked(), None, "it is marked");
        pins.forget_marks();
        assert_eq!(pins.take_unmarked(), Some(tree));
        pins.remove(&tree);
        pins.forget_marks();
        assert_eq!(pins.take_unmarked(), Some(tree), "it is pinned once more");
        pins.remove(&tree);
        pins.forget_marks();
        assert_eq!(pins.take_unmarked(), None);
    }
}
