//! Which changes a grant allows.

use crate::change::{AllowedChange, Change, Precondition};
use crate::error::{Error, ErrorKind, Result};
use crate::grant::{Grant, MAX_SCOPE_ROOT};
use crate::path::TreePath;
use crate::view::denied;

/// The most globs of a grant times bytes of paths that a batch may have compared.
const MAX_COMPARED: usize = 1 << 28;

/// Checks a batch of changes against a grant and moves them to where they are in
/// the whole tree. Compares each path once with each glob.
///
/// A glob is compared with a path as seen from its own scope. The roots of the scopes
/// below are counted as if they were as long as they may be, and the first one, with
/// which nothing is compared, is not: what is refused must not tell where they are.
pub(super) fn allowed(grant: &Grant, changes: Vec<Change>) -> Result<Vec<AllowedChange>> {
    let globs = grant.globs();
    let roots = grant.scopes().len().saturating_sub(1) * MAX_SCOPE_ROOT;
    let mut left = MAX_COMPARED;
    let each = changes.into_iter().map(|change| {
        let (_, from, to) = paths(&change);
        let bytes = from.into_iter().chain([to]);
        let bytes: usize = bytes.map(|path| roots + path.as_str().len()).sum();
        let compared = bytes.checked_mul(globs);
        left = compared
            .and_then(|compared| left.checked_sub(compared))
            .ok_or_else(|| {
                Error::new(ErrorKind::LimitExceeded, "change").because(format!(
                    "globs of the grant times bytes of the paths are more than {MAX_COMPARED}"
                ))
            })?;
        allow(grant, change)
    });
    each.collect()
}

fn allow(grant: &Grant, mut change: Change) -> Result<AllowedChange> {
    let (operation, from, to) = paths(&change);
    let deny = || denied(operation, from.unwrap_or(to));
    let target = grant.look(to).ok_or_else(deny)?;
    let source = match from {
        Some(from) => Some(grant.look(from).ok_or_else(deny)?),
        None => None,
    };
    let readable = source.as_ref().is_none_or(|source| source.reads);
    let replaces = grant.replaces();
    let allowed = target.writes
        && match &change {
            // A condition asks what is there.
            Change::Write { options, .. } => {
                options.precondition == Precondition::None || target.reads
            }
            Change::Mkdir { .. } | Change::Symlink { .. } | Change::SetExecutable { .. } => true,
            Change::Remove { .. } => replaces,
            Change::Rename { .. } => {
                readable && replaces && source.as_ref().is_some_and(|source| source.writes)
            }
            Change::Copy { replace, .. } => readable && (replaces || !replace),
        };
    if !allowed {
        return Err(deny());
    }
    match &mut change {
        Change::Write { path, .. }
        | Change::Mkdir { path, .. }
        | Change::Symlink { path, .. }
        | Change::Remove { path, .. }
        | Change::SetExecutable { path, .. } => *path = target.path,
        Change::Rename { from, to, .. } | Change::Copy { from, to, .. } => {
            if let Some(source) = source {
                *from = source.path;
            }
            *to = target.path;
        }
    }
    Ok(AllowedChange {
        change,
        rests_on: target.rests_on,
        longest: grant.longest(),
    })
}

/// Returns what a change is called, where it takes something from, and the path
/// that it changes.
fn paths(change: &Change) -> (&'static str, Option<&TreePath>, &TreePath) {
    match change {
        Change::Write { path, .. } => ("write", None, path),
        Change::Mkdir { path, .. } => ("mkdir", None, path),
        Change::Symlink { path, .. } => ("symlink", None, path),
        Change::Remove { path, .. } => ("remove", None, path),
        Change::SetExecutable { path, .. } => ("set executable", None, path),
        Change::Rename { from, to, .. } => ("rename", Some(from), to),
        Change::Copy { from, to, .. } => ("copy", Some(from), to),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::glob::{Glob, steps};
    use crate::grant::Scope;

    #[test]
    fn a_batch_is_compared_once_with_each_glob() {
        let path = |text: &str| TreePath::new(text).unwrap();
        let globs = |kind: &str| -> Vec<Glob> {
            let globs = (0..64).map(|n| format!("/d/{kind}*{n}.md").parse().unwrap());
            globs.collect()
        };
        let grant = Grant::all().attenuate(Scope {
            root: path("/site"),
            read: globs("r"),
            write: globs("w"),
            delete: true,
        });
        let changes = (0..1_000).map(|n| Change::Remove {
            path: path(&format!("/d/w{n:03}-{}.md", n % 64)),
            recursive: true,
        });
        let (steps, allowed) = steps(|| allowed(&grant, changes.collect()));
        assert_eq!(allowed.unwrap().len(), 1_000);
        // For each of 128 globs: `d` looked up, and a second name of 9 or 10
        // characters.
        let names = 1_000 * 128 * (2 + 1);
        let characters: u64 = (0..1_000)
            .map(|n: u64| 128 * if n % 64 < 10 { 9 } else { 10 })
            .sum();
        assert_eq!(steps, names + characters);
    }
}
