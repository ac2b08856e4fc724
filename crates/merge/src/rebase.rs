//! A rebase that merges files.

use workspace_core::{
    Conflicting, Content, CopyId, Entry, Error, ErrorKind, File, Reason, RebaseOptions, Rebased,
    Resolution, Result, Take, TreePath, Workspace,
};

use crate::lines;

/// The largest file that is merged, in bytes, on each side.
pub const MAX_TEXT: u64 = 1 << 20;
/// The most lines of a file that is merged, on each side: what a merge takes grows with the
/// square of those that differ.
pub const MAX_LINES: usize = 10_000;
/// The most lines of all files that one rebase merges, on all sides.
const ALL_LINES: usize = 100_000;

/// What a rebase led to.
#[derive(Debug, Clone, PartialEq)]
pub struct Merged {
    /// The copy, and its operation.
    pub rebased: Rebased,
    /// The files that were merged, in byte order.
    pub merged: Vec<TreePath>,
}

/// Moves a copy onto what its parent is now, as
/// [`Workspace::rebase_with`], and merges the conflicting files at and below the paths
/// `merge`, but for those that `options` resolve.
///
/// # Errors
/// `Conflict`, as [`Workspace::rebase_with`], with why the first of those that could not
/// be merged was not: it is no file on every side, is no UTF-8, is over [`MAX_TEXT`] or
/// [`MAX_LINES`], is one too many, or its lines overlap. `Invalid` for a path at and below which there is no conflict. `Stale`
/// where the copy or its parent changed meanwhile; `LimitExceeded` past 1,000 conflicting
/// paths; `Invalid` where one of `merge` is at or below a path that is resolved.
pub async fn rebase(
    workspace: &Workspace,
    copy: CopyId,
    mut options: RebaseOptions,
    merge: &[TreePath],
) -> Result<Merged> {
    if merge.is_empty() {
        let rebased = workspace.rebase_with(copy, options).await?;
        let merged = Vec::new();
        return Ok(Merged { rebased, merged });
    }
    let found = workspace.conflicts(copy)?;
    if found.paths.len() as u64 != found.count {
        return Err(Error::new(ErrorKind::LimitExceeded, "rebase")
            .at(copy)
            .because(format!(
                "{} paths conflict, of which {} can be listed: take sides of directories instead",
                found.count,
                found.paths.len()
            )));
    }
    for above in merge {
        let over = |it: &&Resolution| above.starts_with(&it.path);
        if options.resolutions.iter().any(|it| over(&it)) {
            return Err(Error::invalid(Reason::Contradiction, "rebase")
                .at(above)
                .because("it is to be merged, and is resolved already"));
        }
    }
    let mut left = ALL_LINES;
    let asked = |path: &TreePath| merge.iter().any(|above| path.starts_with(above));
    for above in merge {
        if !found.paths.iter().any(|it| it.path.starts_with(above)) {
            return Err(Error::invalid(Reason::NoConflict, "rebase")
                .at(above)
                .because("there is no conflict to merge at or below it"));
        }
    }
    let mut merged = Vec::new();
    let mut refused = None;
    for conflicting in found.paths.into_iter().filter(|it| asked(&it.path)) {
        let resolved = |it: &Resolution| conflicting.path.starts_with(&it.path);
        if options.resolutions.iter().any(resolved) {
            continue;
        }
        match text_of(workspace, &conflicting, &mut left).await? {
            Ok(text) => {
                merged.push(conflicting.path.clone());
                options.resolutions.push(Resolution {
                    path: conflicting.path,
                    take: Take::Content(Content::Bytes(text.into())),
                });
            }
            Err(why) => {
                refused.get_or_insert((conflicting.path, why));
            }
        }
    }
    // What was merged is what each side had.
    options
        .expect_generation
        .get_or_insert(found.copy.generation);
    options
        .expect_parent_version
        .get_or_insert(found.parent_version);
    let rebased = workspace.rebase_with(copy, options).await;
    let rebased = rebased.map_err(|error| match (error.kind(), refused) {
        (ErrorKind::Conflict, Some((path, why))) => error.because(format!("{path}: {why}")),
        _ => error,
    })?;
    Ok(Merged { rebased, merged })
}

/// Returns the merged text of a file, or why there is none.
async fn text_of(
    workspace: &Workspace,
    conflicting: &Conflicting,
    left: &mut usize,
) -> Result<std::result::Result<String, &'static str>> {
    let Conflicting {
        base, copy, parent, ..
    } = conflicting;
    let (copy, parent) = match (copy, parent) {
        (Some(Entry::File(copy)), Some(Entry::File(parent))) => (copy, parent),
        _ => return Ok(Err("it is not a file on both sides")),
    };
    let base = match base {
        None => None,
        Some(Entry::File(base)) => Some(base),
        Some(_) => return Ok(Err("it was no file before")),
    };
    if !agrees(base, copy, parent, |file| file.executable)
        || !agrees(base, copy, parent, |file| &file.media_type)
    {
        return Ok(Err("its mode or media type was changed differently"));
    }
    let mut texts = Vec::with_capacity(3);
    for file in [base, Some(copy), Some(parent)] {
        let Some(file) = file else {
            texts.push(String::new());
            continue;
        };
        if file.size > MAX_TEXT {
            return Ok(Err("it is over 1 MiB"));
        }
        let bytes = workspace.read_entry(file).await?;
        match String::from_utf8(bytes.into()) {
            Ok(text) => {
                let count = text.lines().count();
                if count > MAX_LINES {
                    return Ok(Err("it has more than 10,000 lines"));
                }
                match left.checked_sub(count) {
                    Some(fewer) => *left = fewer,
                    None => return Ok(Err("more than 100,000 lines are to be merged at once")),
                }
                texts.push(text);
            }
            Err(_) => return Ok(Err("it is not UTF-8")),
        }
    }
    Ok(lines(&texts[0], &texts[1], &texts[2]).ok_or("both sides changed the same lines"))
}

/// Tells whether an attribute is the same on both sides, or was changed on one only.
fn agrees<'f, T: PartialEq>(
    base: Option<&'f File>,
    copy: &'f File,
    parent: &'f File,
    of: impl Fn(&'f File) -> T,
) -> bool {
    let (copy, parent) = (of(copy), of(parent));
    copy == parent
        || base
            .map(of)
            .is_some_and(|base| base == copy || base == parent)
}
