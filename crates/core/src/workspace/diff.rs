//! The difference between two trees, with renames.

use std::collections::{BTreeMap, VecDeque};

use crate::entry::{Entry, File};
use crate::error::Result;
use crate::id::TreeId;
use crate::path::TreePath;
use crate::tree::{compare, resolve};
use crate::workspace::{At, Workspace};

/// How to compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiffOptions {
    /// The directory, or single entry, to look at.
    pub below: TreePath,
    /// Whether to pair removed with added files of the same content.
    pub renames: bool,
}

impl Default for DiffOptions {
    /// The whole tree, with renames.
    fn default() -> Self {
        Self {
            below: TreePath::root(),
            renames: true,
        }
    }
}

/// A path at which two trees differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Where; for a rename, where it went.
    pub path: TreePath,
    /// What was there, or at the place that it came from; `None` for what is new.
    pub old: Option<Entry>,
    /// What is there; `None` for what is gone.
    pub new: Option<Entry>,
    /// Where it came from, for a rename.
    pub renamed_from: Option<TreePath>,
}

impl Workspace {
    /// Lists where two trees differ, in byte order of the paths. Costs what is
    /// different, not what is there: equal subtrees are not read.
    ///
    /// A directory is listed where it is new or gone, and so is everything in it;
    /// one that is on both sides is not. A rename is a removed file and an added
    /// one with the same non-empty content, paired by equal names first, then by
    /// order of path; the first in order of path wins.
    ///
    /// # Errors
    /// `NotFound` and `Closed`, for what `from` or `to` name.
    pub fn diff(&self, from: At, to: At, options: &DiffOptions) -> Result<Vec<Difference>> {
        let mut found = Vec::new();
        self.read("diff", |tx| {
            let (from, to) = (tx.resolve(from)?, tx.resolve(to)?);
            let mut visit = |path: &TreePath, old: Option<&Entry>, new: Option<&Entry>| {
                found.push(Difference {
                    path: path.clone(),
                    old: old.cloned(),
                    new: new.cloned(),
                    renamed_from: None,
                });
                Ok(())
            };
            if options.below.is_root() {
                return compare(tx, &options.below, &from, &to, &mut visit);
            }
            let old = resolve(tx, &from, &options.below)?;
            let new = resolve(tx, &to, &options.below)?;
            let tree = |entry: &Option<Entry>| {
                entry
                    .as_ref()
                    .and_then(Entry::as_directory)
                    .map(|directory| directory.tree)
            };
            if old != new && (tree(&old).is_none() || tree(&new).is_none()) {
                visit(&options.below, old.as_ref(), new.as_ref())?;
            }
            let below = |entry| tree(entry).unwrap_or_else(TreeId::empty);
            compare(tx, &options.below, &below(&old), &below(&new), &mut visit)
        })?;
        // A walk's order is another one: it has `/a/b` before `/a-b`.
        found.sort_by(|a, b| a.path.cmp(&b.path));
        if options.renames {
            pair_renames(&mut found);
        }
        Ok(found)
    }
}

/// Turns a removed and an added file of the same content into one rename; the
/// differences are and stay in order of path.
fn pair_renames(differences: &mut Vec<Difference>) {
    for same_name in [true, false] {
        let key = |file: &File, path: &TreePath| {
            (file.content, if same_name { path.name() } else { None })
        };
        let mut gone: BTreeMap<_, VecDeque<usize>> = BTreeMap::new();
        for (at, difference) in differences.iter().enumerate() {
            if let (Some(Entry::File(old)), None) = (&difference.old, &difference.new)
                && old.size > 0
            {
                gone.entry(key(old, &difference.path))
                    .or_default()
                    .push_back(at);
            }
        }
        let mut paired = vec![false; differences.len()];
        for at in 0..differences.len() {
            let difference = &differences[at];
            if let (None, Some(Entry::File(new))) = (&difference.old, &difference.new)
                && let Some(from) = gone
                    .get_mut(&key(new, &difference.path))
                    .and_then(VecDeque::pop_front)
            {
                paired[from] = true;
                differences[at].old = differences[from].old.clone();
                differences[at].renamed_from = Some(differences[from].path.clone());
            }
        }
        let mut paired = paired.into_iter();
        differences.retain(|_| paired.next() != Some(true));
    }
}
