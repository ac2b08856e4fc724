//! Names that a directory on disk gives a meaning of its own.

use workspace_archive::{Owner, Repositories};
use workspace_core::{Error, Reason, TreePath};

use super::directory::below_root;
use crate::exit::{Failure, Result};
use crate::session::Files;

/// Refuses paths that somebody takes for his own: a workspace's directory always, and what
/// git takes for a repository, which names programs that git runs, unless it is allowed.
#[derive(Default)]
pub(crate) struct Names {
    allow_git: bool,
    repositories: Repositories,
}

impl Names {
    pub(crate) fn new(allow_git: bool) -> Self {
        Self {
            allow_git,
            ..Self::default()
        }
    }

    /// Looks at a path, after those before it.
    pub(crate) fn check(&mut self, path: &TreePath) -> Result<()> {
        const GIT: &str = "--allow-git writes it all the same";
        match Owner::of(path) {
            Some(Owner::Workspace) => {
                return Err(refused(
                    path,
                    "a workspace, or an export, has it for its own",
                    "an archive holds every name",
                ));
            }
            Some(Owner::Git) if !self.allow_git => {
                let why = "git takes it for its own directory, and runs what it names";
                return Err(refused(path, why, GIT));
            }
            _ if self.allow_git => return Ok(()),
            _ => {}
        }
        match self.repositories.note(path)? {
            None => Ok(()),
            Some(repository) => {
                let why = "git takes the directory for a repository, and runs what it names";
                Err(refused(&repository, why, GIT))
            }
        }
    }

    /// Looks at all paths below a directory, before anything is written.
    ///
    /// # Errors
    /// See [`check`](Self::check).
    pub(super) async fn check_all(mut self, files: &Files<'_>, below: &TreePath) -> Result<()> {
        let mut walk = files.walk(below).await?;
        while let Some((path, _)) = walk.next().await? {
            self.check(&below_root(&path, below)?)?;
        }
        Ok(())
    }
}

fn refused(path: &TreePath, why: &str, hint: &str) -> Failure {
    Failure::Error {
        error: Error::invalid(Reason::UnfitEntry, "export")
            .at(path)
            .because(why),
        hint: Some(hint.into()),
    }
}
