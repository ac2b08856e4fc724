//! Removing what a source does not have.

use std::collections::HashSet;

use crate::entry::{Entry, EntryKind};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{ContentId, TreeId};
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
    /// Keeps at most twice as many paths as there may be `entries`, and some: the
    /// directories above them, which the source need not name, are paths too.
    pub(super) fn new(entries: u64) -> Self {
        let limit = usize::try_from(entries.saturating_mul(2)).unwrap_or(usize::MAX);
        Self {
            hashes: HashSet::new(),
            limit: limit.saturating_add(2 * crate::MAX_PATH),
        }
    }

    /// Returns what was not seen before: the path and directories above it, from the
    /// deepest on.
    ///
    /// # Errors
    /// `LimitExceeded`, naming the path.
    pub(super) fn insert(&mut self, path: &TreePath) -> Result<Vec<TreePath>> {
        let mut fresh = Vec::new();
        let mut above = Some(path.clone());
        while let Some(at) = above.filter(|at| self.hashes.insert(hash(at))) {
            above = at.parent();
            fresh.push(at);
        }
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
    let hash = ContentId::of(path.as_str().as_bytes());
    std::array::from_fn(|at| hash.as_bytes()[at])
}

/// A path that a source names for the first time.
pub(super) struct Fresh {
    pub(super) path: TreePath,
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
    for Fresh { path, directory } in fresh {
        let found = editor.find(path)?.map(|found| found.kind());
        if found.is_none_or(|found| *directory == (found == EntryKind::Directory)) {
            continue;
        }
        let there = editor.take_entry(path)?;
        if there.is_some() && there == resolve(tx, began, path)? {
            let below = there.as_ref().and_then(Entry::as_directory);
            removed += u64::from(below.is_some_and(|below| below.summary.entries() > 0));
            editor.remove(path)?;
        }
    }
    Ok(removed)
}

/// Removes from the copy what is below `into`, was not seen, and still is as it
/// was in the tree `began`, topmost first. Returns how many entries, and the tree
/// without them.
///
/// What differs from `began` and was not seen was changed by somebody else while
/// the import was under way. It stays, with the directories above it.
///
/// # Errors
/// `LimitExceeded` past [`MAX_UNNAMED`] entries.
pub(super) fn remove_missing(
    tx: &Tx<'_>,
    copy: &CopyRecord,
    into: &TreePath,
    seen: &Seen,
    began: &TreeId,
) -> Result<(u64, TreeId)> {
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
    Ok((removed, editor.finish()?.tree))
}
