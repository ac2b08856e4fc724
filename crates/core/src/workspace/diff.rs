//! The difference between two trees, with renames.

use std::collections::{BTreeMap, VecDeque};

use derive_setters::Setters;

use crate::entry::{Entry, File};
use crate::error::{Error, ErrorKind, Result};
use crate::id::TreeId;
use crate::path::TreePath;
use crate::tree::{Differences, resolve};
use crate::workspace::{At, Workspace};

/// How to compare.
#[derive(Debug, Clone, PartialEq, Eq, Setters)]
#[non_exhaustive]
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

impl Difference {
    /// Returns about how many bytes it takes in memory.
    fn weight(&self) -> usize {
        let texts = |entry: &Option<Entry>| match entry {
            Some(Entry::File(file)) => {
                let media_type = file
                    .media_type
                    .as_ref()
                    .map_or(0, |text| text.as_str().len());
                media_type
                    + file
                        .provenance
                        .as_ref()
                        .map_or(0, |text| text.as_str().len())
            }
            Some(Entry::Symlink(symlink)) => symlink.target.as_str().len(),
            Some(Entry::Directory(_)) | None => 0,
        };
        size_of::<Self>() + self.path.as_str().len() + texts(&self.old) + texts(&self.new)
    }
}

impl Workspace {
    /// Lists where two trees differ, in byte order of the paths. Costs what is
    /// different, not what is there: equal subtrees are not read. A file that
    /// differs in nothing but its time is not listed.
    ///
    /// A directory is listed where it is new or gone, and so is everything in it;
    /// one that is on both sides is not. A rename is a removed file and an added
    /// one with the same non-empty content, paired by equal names first, then by
    /// order of path; the first in order of path wins.
    ///
    /// # Errors
    /// `LimitExceeded` where the answer would take more than
    /// [`max_diff`](crate::Options::max_diff), unless said about 200,000 differences;
    /// page through them without renames. `NotFound` and
    /// `Closed`, for what `from` or `to` name.
    pub fn diff(&self, from: At, to: At, options: &DiffOptions) -> Result<Vec<Difference>> {
        self.diff_page(from, to, options, None, usize::MAX)
    }

    /// Lists up to `limit` of the differences after the path `after`, as
    /// [`diff`](Self::diff) has them. Costs what it lists, wherever it begins; with
    /// renames it costs the whole difference, as any two paths may pair.
    ///
    /// # Errors
    /// As for [`diff`](Self::diff); `LimitExceeded` also where 500,000 entries were
    /// looked at without that many differences being found.
    pub fn diff_page(
        &self,
        from: At,
        to: At,
        options: &DiffOptions,
        after: Option<&TreePath>,
        limit: usize,
    ) -> Result<Vec<Difference>> {
        if !options.renames {
            return self.differences(from, to, &options.below, after, limit);
        }
        let mut found = self.differences(from, to, &options.below, None, usize::MAX)?;
        pair_renames(&mut found);
        if let Some(after) = after {
            found.retain(|difference| difference.path > *after);
        }
        found.truncate(limit);
        Ok(found)
    }

    /// Lists differences without looking for renames.
    fn differences(
        &self,
        from: At,
        to: At,
        below: &TreePath,
        after: Option<&TreePath>,
        limit: usize,
    ) -> Result<Vec<Difference>> {
        let difference = |(path, old, new)| Difference {
            path,
            old,
            new,
            renamed_from: None,
        };
        self.read("diff", |tx| {
            let (mut from, mut to) = (tx.resolve(from)?, tx.resolve(to)?);
            let mut found = Vec::new();
            if !below.is_root() {
                let (old, new) = (resolve(tx, &from, below)?, resolve(tx, &to, below)?);
                let (old_tree, new_tree) = (tree_of(old.as_ref()), tree_of(new.as_ref()));
                let differs = match (&old, &new) {
                    (Some(Entry::Directory(_)), Some(Entry::Directory(_))) => false,
                    (Some(old), Some(new)) => !old.same_but_time(new),
                    (old, new) => old.is_some() || new.is_some(),
                };
                if differs && after.is_none_or(|after| after < below) {
                    found.push(difference((below.clone(), old, new)));
                }
                from = old_tree.unwrap_or_else(TreeId::empty);
                to = new_tree.unwrap_or_else(TreeId::empty);
            }
            let mut differences = Differences::new(tx, below, &from, &to, after)?;
            let mut bytes = 0;
            while found.len() < limit
                && let Some(next) = differences.next(tx)?
            {
                let next = difference(next);
                bytes += next.weight();
                if bytes > self.inner.options.max_diff {
                    return Err(
                        Error::new(ErrorKind::LimitExceeded, "diff").because(format!(
                            "more than {} differences: page through them, without renames",
                            found.len()
                        )),
                    );
                }
                found.push(next);
            }
            found.truncate(limit);
            Ok(found)
        })
    }
}

fn tree_of(entry: Option<&Entry>) -> Option<TreeId> {
    entry
        .and_then(Entry::as_directory)
        .map(|directory| directory.tree)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{Directory, Symlink, Text, Timestamp};
    use crate::id::ContentId;

    #[test]
    fn a_difference_weighs_what_its_texts_take() {
        let text = |size: usize| "t".repeat(size);
        let file = |media_type: usize, provenance: usize| {
            Entry::File(File {
                content: ContentId::of(b""),
                size: 0,
                executable: false,
                modified: Timestamp::default(),
                media_type: (media_type > 0).then(|| Text::new(&text(media_type)).unwrap()),
                provenance: (provenance > 0).then(|| Text::new(&text(provenance)).unwrap()),
            })
        };
        let symlink = Entry::Symlink(Symlink {
            target: Text::new(&text(50)).unwrap(),
            modified: Timestamp::default(),
        });
        let directory = Entry::Directory(Directory::empty());
        for (old, new, texts) in [
            (None, Some(directory), 0),
            (Some(file(0, 0)), None, 0),
            (Some(file(7, 0)), Some(file(0, 11)), 18),
            (Some(file(7, 30)), Some(file(3, 11)), 51),
            (Some(symlink.clone()), Some(file(7, 0)), 57),
            (None, Some(symlink), 50),
        ] {
            let difference = Difference {
                path: TreePath::new("/a/path").unwrap(),
                old,
                new,
                renamed_from: None,
            };
            let weight = size_of::<Difference>() + "/a/path".len() + texts;
            assert_eq!(difference.weight(), weight, "{difference:?}");
        }
    }
}
