//! Applying a part of what a copy changed.

use crate::entry::Entry;
use crate::error::{Error, ErrorKind, Result};
use crate::glob::Glob;
use crate::id::TreeId;
use crate::path::TreePath;
use crate::reason::Reason;
use crate::tree::{Differences, Editor};
use crate::workspace::tx::Tx;

/// How many globs say which part.
pub(super) const MAX_GLOBS: usize = 100;
/// The number of globs, times the bytes of the paths that they are compared with.
const MAX_MATCHED: usize = 1 << 28;

/// Returns the tree `base` with what differs in `tree` at the paths that one of `only`
/// matches; `None` where nothing does. Directories above them come along.
///
/// # Errors
/// `Invalid` where a directory above one of them is a file in `base`, and not matched;
/// `LimitExceeded`.
pub(super) fn part(
    tx: &Tx<'_>,
    base: &TreeId,
    tree: &TreeId,
    only: &[Glob],
) -> Result<Option<TreeId>> {
    let mut editor = Editor::new(tx, base)?;
    let mut differences = Differences::new(tx, &TreePath::root(), base, tree, None)?;
    let mut left = MAX_MATCHED;
    let mut some = false;
    while let Some((path, _, new)) = differences.next(tx)? {
        let work = path.as_str().len().saturating_mul(only.len());
        left = left.checked_sub(work).ok_or_else(|| {
            Error::new(ErrorKind::LimitExceeded, "apply").because(format!(
                "the number of globs times the bytes of the paths that the copy changed is \
                 more than {MAX_MATCHED}"
            ))
        })?;
        if !only.iter().any(|glob| glob.matches(&path)) {
            continue;
        }
        some = true;
        let put = match new {
            Some(Entry::Directory(_)) => editor.put_directory(&path, true),
            Some(entry) => editor.put(&path, entry, true),
            None if editor.find(&path)?.is_some() => editor.remove(&path),
            None => Ok(()),
        };
        put.map_err(|error| match error.kind() {
            ErrorKind::NotADirectory => Error::invalid(Reason::Contradiction, "apply")
                .at(error.subject().unwrap_or_default())
                .because(format!(
                    "it is a file where the copy has a directory, above {path}: take it as well"
                )),
            _ => error,
        })?;
        editor.settle()?;
    }
    match some {
        true => editor.finish().map(|directory| Some(directory.tree)),
        false => Ok(None),
    }
}
