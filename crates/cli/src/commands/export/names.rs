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
        match self.look(path)? {
            None => Ok(()),
            Some(taken) => Err(taken.refused()),
        }
    }

    /// Looks at a path, after those before it; returns what somebody takes for his own: it,
    /// or a directory above it.
    pub(crate) fn look(&mut self, path: &TreePath) -> Result<Option<Taken>> {
        const GIT: &str = "--allow-git writes it all the same";
        let taken = |path: &TreePath, why, hint| {
            Some(Taken {
                path: path.clone(),
                why,
                hint,
            })
        };
        Ok(match Owner::of(path) {
            Some(Owner::Workspace) => taken(
                path,
                "a workspace, or an export, has it for its own",
                "an archive holds every name",
            ),
            Some(Owner::Git) if !self.allow_git => taken(
                path,
                "git takes it for its own directory, and runs what it names",
                GIT,
            ),
            _ if self.allow_git => None,
            _ => {
                let repository = self.repositories.note(path)?;
                repository.and_then(|repository| {
                    let why = "git takes the directory for a repository, and runs what it names";
                    taken(&repository, why, GIT)
                })
            }
        })
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

/// What somebody takes for his own.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) path: TreePath,
    pub(crate) why: &'static str,
    hint: &'static str,
}

impl Taken {
    pub(crate) fn refused(&self) -> Failure {
        Failure::Error {
            error: Error::invalid(Reason::UnfitEntry, "export")
                .at(&self.path)
                .because(self.why),
            hint: Some(self.hint.into()),
        }
    }
}
