//! Removing what a source does not have.

use std::collections::HashSet;

use sha2::{Digest, Sha256};

use crate::entry::{Entry, EntryKind};
use crate::error::{Error, ErrorKind, Result};
use crate::id::TreeId;
use crate::import::ImportLimits;
use crate::path::TreePath;
use crate::store::CopyRecord;
use crate::tree::{Editor, Walker, resolve};
use crate::workspace::tx::Tx;

/// How many entries without a name in the source are looked at, each where the
/// source names its directory or somebody changed something below it.
const MAX_UNNAMED: u64 = 100_000;

/// The paths that a source has named, with all above them, as the first half of
/// their SHA-256: 16 bytes each.
pub(super) struct Seen {
    hashes: HashSet<[u8; 16]>,
    limit: usize,
}

impl Seen {
    /// Keeps at most twice as many paths as there may be entries, and some, as far as the
    /// limits let it: the directories above them, which the source need not name, are
    /// paths too.
    pub(super) fn new(limits: &ImportLimits) -> Self {
        let most = limits.entries.saturating_mul(2);
        let most = most.saturating_add(2 * crate::MAX_PATH as u64);
        Self {
            hashes: HashSet::new(),
            limit: usize::try_from(most.min(limits.named)).unwrap_or(usize::MAX),
        }
    }

    /// Returns how many names of the path, from the root on, lead to what was seen before;
    /// `None` where the path itself was, and all above it.
    ///
    /// # Errors
    /// `LimitExceeded`, naming the path.
    pub(super) fn insert(&mut self, path: &TreePath) -> Result<Option<usize>> {
        let hashes = hashes(path);
        let mut known = hashes.len();
        while known > 0 && self.hashes.insert(hashes[known - 1]) {
            known -= 1;
        }
        let fresh = (known < hashes.len()).then(|| known.saturating_sub(1));
        if self.hashes.len() > self.limit {
            return Err(Error::new(ErrorKind::LimitExceeded, "import")
                .at(path)
                .because(format!(
                    "more than {} entries and directories above them",
                    self.limit
                )));
        }
        Ok(fresh)
    }

    fn contains(&self, path: &TreePath) -> bool {
        self.hashes.contains(&hash(path))
    }
}

fn hash(path: &TreePath) -> [u8; 16] {
    half(Sha256::digest(path.as_str()))
}

/// Returns the hashes of the root, of each directory on the way, and of the path itself:
/// its bytes are hashed once.
fn hashes(path: &TreePath) -> Vec<[u8; 16]> {
    let mut hashes = vec![hash(&TreePath::root())];
    let mut on_the_way = Sha256::new();
    for name in path.segments() {
        on_the_way.update("/");
        on_the_way.update(name);
        hashes.push(half(on_the_way.clone().finalize()));
    }
    hashes
}

fn half(hash: impl Into<[u8; 32]>) -> [u8; 16] {
    let hash: [u8; 32] = hash.into();
    std::array::from_fn(|at| hash[at])
}

/// A path that a source names for the first time.
pub(super) struct Fresh {
    pub(super) path: TreePath,
    /// How many names of it lead to what was named before, or to where all goes: what is
    /// there is in nobody's way.
    pub(super) known: usize,
    /// Whether it is to be a directory.
    pub(super) directory: bool,
}

/// Removes what is in the way of what comes, since it is a directory or is none, and
/// still is as it was in the tree `began`. Returns how many directories with entries.
pub(super) fn remove_in_the_way(
    tx: &Tx<'_>,
    editor: &mut Editor<'_>,
    fresh: &[Fresh],
    began: &TreeId,
) -> Result<u64> {
    let mut removed = 0;
    for fresh in fresh {
        // Whatever is on the way, there is no more than one thing that is in it.
        let Some((depth, found)) = editor.way(&fresh.path)? else {
            continue;
        };
        let path = fresh.path.first(depth);
        let directory = path != fresh.path || fresh.directory;
        if depth <= fresh.known || directory == (found == EntryKind::Directory) {
            continue;
        }
        let there = editor.take_entry(&path)?;
        if there.is_some() && there == resolve(tx, began, &path)? {
            let below = there.as_ref().and_then(Entry::as_directory);
            removed += u64::from(below.is_some_and(|below| below.summary.entries() > 0));
            editor.remove(&path)?;
        }
    }
    Ok(removed)
}

/// Removes from the copy what is below `into`, was not seen, and still is as it
/// was in the tree `began`, topmost first. Returns how many entries, and the copy's files
/// without them, to be written.
///
/// What differs from `began` and was not seen was changed by somebody else while
/// the import was under way. It stays, with the directories above it.
///
/// # Errors
/// `LimitExceeded` past [`MAX_UNNAMED`] entries.
pub(super) fn remove_missing<'t>(
    tx: &'t Tx<'_>,
    copy: &CopyRecord,
    into: &TreePath,
    seen: &Seen,
    began: &TreeId,
) -> Result<(u64, Editor<'t>)> {
    let mut editor = Editor::new(tx, &copy.tree)?;
    let (mut removed, mut unnamed) = (0, 0);
    if let Some(Entry::Directory(directory)) = resolve(tx, &copy.tree, into)? {
        let mut walker = Walker::new(tx, into.clone(), &directory.tree)?;
        while let Some((path, entry)) = walker.next(tx)? {
            let named = seen.contains(&path);
            unnamed += u64::from(!named);
            if unnamed > MAX_UNNAMED {
                return Err(Error::new(ErrorKind::LimitExceeded, "import")
                    .at(path)
                    .because(format!(
                        "more than {MAX_UNNAMED} entries are missing from the source one by \
                         one: remove their directories first"
                    )));
            }
            let was = match named {
                true => None,
                false => resolve(tx, began, &path)?,
            };
            match entry {
                _ if was.as_ref() == Some(&entry) => {
                    editor.remove(&path)?;
                    editor.settle()?;
                    removed += 1;
                }
                // In a directory that is new since then, all is.
                Entry::Directory(directory)
                    if named || matches!(was, Some(Entry::Directory(_))) =>
                {
                    walker.enter(tx, path, &directory.tree)?;
                }
                _ => {}
            }
        }
    }
    Ok((removed, editor))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A path was kept once for each directory above it, which is quadratic in its depth.
    #[test]
    fn what_is_new_of_a_deep_path_is_told_by_one_number() {
        let path = |text: &str| TreePath::new(text).unwrap();
        let mut seen = Seen::new(&ImportLimits::default());
        let mut insert = |text: &str| seen.insert(&path(text)).unwrap();
        assert_eq!(insert("/a/b/c"), Some(0));
        assert_eq!(insert("/a/b/c"), None);
        assert_eq!(insert("/a/b"), None);
        assert_eq!(insert("/a/b/d/e"), Some(2));
        assert_eq!(insert("/x"), Some(0));
        assert_eq!(insert("/"), None);
        let deep = format!("/a{}", "/d".repeat(500));
        assert_eq!(insert(&deep), Some(1));
        for (text, contained) in [
            ("/", true),
            ("/a/b/d", true),
            ("/a/d/d", true),
            ("/b", false),
        ] {
            assert_eq!(seen.contains(&path(text)), contained, "{text}");
        }
    }
}
