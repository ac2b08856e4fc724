//! Where a sequence of items is cut into nodes.
//!
//! A cut depends on nothing but the items since the cut before: below
//! [`MIN_NODE`] bytes there is none, at [`MAX_NODE`] there always is, and in
//! between an item ends its node with a probability in proportion to its size,
//! decided by a hash of its name and level. So the same items are always cut in
//! the same places, whatever order they were written in, and an edit moves only
//! the cuts next to it. This is the splitting rule of prolly trees (as in Noms
//! and Dolt) with the size weighed in; the hash is FNV-1a (64 bit) finished with
//! the mixer of MurmurHash3.

use crate::entry::Summary;
use crate::id::TreeId;
use crate::path::Name;
use crate::tree::codec::{Child, Item, Node, encode_item, encode_node};

/// A node below this many bytes of items is never cut.
pub(crate) const MIN_NODE: usize = 2048;
/// A node never grows past this many bytes of items, but for a last one that
/// crosses it: 8 KiB and one item.
pub(crate) const MAX_NODE: usize = 8192;
/// Between the two, the mean distance to the next cut, in bytes.
const MEAN_REST: u64 = 2048;

/// Cuts a sequence of items of one level into nodes.
pub(crate) struct Chunker {
    level: u8,
    encoded: Vec<u8>,
    items: Vec<(Name, Item)>,
    summary: Summary,
}

/// A finished node and the reference that the level above keeps to it.
pub(crate) struct Cut {
    pub(crate) last: Name,
    pub(crate) child: Child,
    pub(crate) encoded: Vec<u8>,
    /// What `encoded` decodes to.
    pub(crate) node: Node,
}

impl Chunker {
    pub(crate) fn new(level: u8) -> Self {
        Self {
            level,
            encoded: Vec::new(),
            items: Vec::new(),
            summary: Summary::default(),
        }
    }

    /// Tells whether the next item starts a node.
    pub(crate) fn at_cut(&self) -> bool {
        self.items.is_empty()
    }

    /// Adds the next item; returns the node that it ends, if it does.
    pub(crate) fn push(&mut self, name: Name, item: Item) -> Option<Cut> {
        let before = self.encoded.len();
        encode_item(&mut self.encoded, &name, &item);
        let size = self.encoded.len();
        let cut = ends_node(self.level, &name, before, size);
        self.summary.add(item.summary(&name));
        self.items.push((name, item));
        if cut { self.finish() } else { None }
    }

    /// Ends the node under way, if there is one.
    pub(crate) fn finish(&mut self) -> Option<Cut> {
        let (last, _) = self.items.last()?;
        let last = last.clone();
        let encoded = encode_node(self.level, self.items.len(), &self.encoded);
        let child = Child {
            id: TreeId::of_node(&encoded),
            summary: std::mem::take(&mut self.summary),
        };
        self.encoded.clear();
        let mut items = std::mem::take(&mut self.items);
        items.shrink_to_fit();
        Some(Cut {
            last,
            child,
            encoded,
            node: Node {
                level: self.level,
                items,
            },
        })
    }
}

/// Where the items of a node are cut, whatever follows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ends {
    /// Before the last one: they are no node.
    Early,
    /// Behind the last one.
    Here,
    /// Nowhere: only the last node of a level may end so.
    Open,
}

/// Returns where the items of a node are cut.
pub(crate) fn ends(node: &Node) -> Ends {
    let mut encoded = Vec::new();
    let mut items = node.items.iter();
    while let Some((name, item)) = items.next() {
        let before = encoded.len();
        encode_item(&mut encoded, name, item);
        if ends_node(node.level, name, before, encoded.len()) {
            return match items.len() {
                0 => Ends::Here,
                _ => Ends::Early,
            };
        }
    }
    Ends::Open
}

/// Tells whether an item ends its node, which has `before` bytes of items without it
/// and `size` with it.
fn ends_node(level: u8, name: &Name, before: usize, size: usize) -> bool {
    size >= MAX_NODE || (size >= MIN_NODE && may_end(level, name, size - before))
}

/// Tells whether an item of `size` bytes ends its node, where a node may end.
pub(super) fn may_end(level: u8, name: &Name, size: usize) -> bool {
    hash(level, name) < (u64::MAX / MEAN_REST).saturating_mul(size as u64)
}

fn hash(level: u8, name: &Name) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in [level].iter().chain(name.as_str().as_bytes()) {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where nodes are cut is part of the format: FNV-1a over the level and the name,
    /// finished as MurmurHash3 does.
    #[test]
    fn the_cutting_hash_is_what_it_was() {
        for (level, name, expected) in [
            (0, "a", 0x60de_25db_fdce_3954),
            (1, "a", 0x30cc_dd7f_603d_5594),
            (0, "kitten.jpg", 0x90a1_dfa1_38c5_b282),
            (3, "é", 0xce3b_912c_cded_cb33),
        ] {
            assert_eq!(hash(level, &Name::new(name).unwrap()), expected, "{name}");
        }
    }
}
