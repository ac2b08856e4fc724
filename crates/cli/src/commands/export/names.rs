//! Names that a directory on disk gives a meaning of its own.

use workspace_archive::is_git;
use workspace_core::{Error, Reason, TreePath};

use super::directory::below_root;
use crate::exit::{Failure, Result};
use crate::session::Files;

/// Refuses a path that git takes for its own directory, on any file system: such a
/// directory names programs that git runs.
pub(super) fn check(path: &TreePath) -> Result<()> {
    match is_git(path) {
        false => Ok(()),
        true => Err(Failure::Error {
            error: Error::invalid(Reason::UnfitEntry, "export")
                .at(path)
                .because("git takes it for its own directory, and runs what it names"),
            hint: Some("--allow-git writes it all the same".into()),
        }),
    }
}

/// Checks all paths below a directory, before anything is written.
///
/// # Errors
/// See [`check`].
pub(super) async fn check_all(files: &Files<'_>, below: &TreePath) -> Result<()> {
    let mut walk = files.walk(below).await?;
    while let Some((path, _)) = walk.next().await? {
        check(&below_root(&path, below)?)?;
    }
    Ok(())
}
