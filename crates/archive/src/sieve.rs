//! What an import takes out of an archive or directory, and what it counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use workspace_core::{
    EntrySource, Error, ErrorKind, ImportLimits, Result, SourceEntry, SourceKind, TreePath,
};

use crate::folding::folded;
use crate::git::{Repositories, is_git_name};
use crate::invalid;

/// Who takes a name for its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// Git, which runs what is named in such a directory.
    Git,
    /// This program: a workspace, or what an export has not finished.
    Workspace,
}

/// How names begin of what an export into a directory has not put in its place yet.
pub const STAGED: &str = ".workspace-export-";
/// How names begin of what holds what an export replaces.
pub const REPLACED: &str = ".workspace-replaced-";

impl Owner {
    /// Returns who takes a name for its own, on any file system.
    pub fn of_name(name: &[u8]) -> Option<Self> {
        if is_git_name(name) {
            return Some(Self::Git);
        }
        // As NTFS abbreviates it too.
        let is_ours = |name: &str| {
            name == ".workspace"
                || name.starts_with(STAGED)
                || name.starts_with(REPLACED)
                || name.strip_prefix("worksp~").is_some_and(|rest| {
                    !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit())
                })
        };
        let may_be = name.iter().any(|byte| matches!(byte, b'w' | b'W'));
        (may_be && folded(name, is_ours)).then_some(Self::Workspace)
    }

    /// Returns who takes a name in a path for its own.
    pub fn of(path: &TreePath) -> Option<Self> {
        path.segments()
            .find_map(|name| Self::of_name(name.as_bytes()))
    }
}

/// Lets through what an import takes, and counts all that is read for it.
///
/// What others take for their own does not come through: a workspace's directory never,
/// git's unless it is asked for. It counts all the same, so that little input cannot cost
/// much by being left out.
#[derive(Debug)]
pub struct Sieve {
    allow_git: bool,
    limits: ImportLimits,
    left_out: Arc<AtomicU64>,
    repositories: Repositories,
    entries: u64,
    bytes: u64,
}

impl Sieve {
    /// `left_out` counts what does not come through.
    pub fn new(limits: ImportLimits, allow_git: bool, left_out: Arc<AtomicU64>) -> Self {
        Self {
            allow_git,
            limits,
            left_out,
            repositories: Repositories::default(),
            entries: 0,
            bytes: 0,
        }
    }

    /// Counts an entry and its bytes, whatever becomes of it.
    ///
    /// # Errors
    /// `LimitExceeded`.
    pub fn count(&mut self, path: &TreePath, bytes: u64) -> Result<()> {
        self.entries += 1;
        self.count_bytes(path, bytes)
    }

    /// Counts bytes of an entry that was counted already.
    ///
    /// # Errors
    /// `LimitExceeded`.
    pub fn count_bytes(&mut self, path: &TreePath, bytes: u64) -> Result<()> {
        self.bytes = self.bytes.saturating_add(bytes);
        let why = if self.entries > self.limits.entries {
            format!("more than {} entries", self.limits.entries)
        } else if self.bytes > self.limits.bytes {
            format!("more than {} bytes in all", self.limits.bytes)
        } else {
            return Ok(());
        };
        let error = Error::new(ErrorKind::LimitExceeded, "read source");
        Err(error.at(path).because(why))
    }

    /// Tells whether an entry is one that an import takes.
    ///
    /// # Errors
    /// `Invalid` for what makes a directory a repository of git's although its name does
    /// not say so; `LimitExceeded` where too many may become one.
    pub fn takes(&mut self, path: &TreePath) -> Result<bool> {
        match Owner::of(path) {
            Some(Owner::Git) if self.allow_git => return Ok(true),
            None if self.allow_git => return Ok(true),
            Some(_) => {
                self.left_out.fetch_add(1, Ordering::Relaxed);
                return Ok(false);
            }
            None => {}
        }
        match self.repositories.note(path)? {
            None => Ok(true),
            Some(repository) => Err(invalid(
                repository,
                "git takes the directory for a repository, and runs what it names",
            )),
        }
    }
}

/// A source through a [`Sieve`].
pub struct Sifted {
    source: Box<dyn EntrySource>,
    sieve: Sieve,
}

impl Sifted {
    /// Wraps a source.
    pub fn new(source: Box<dyn EntrySource>, sieve: Sieve) -> Self {
        Self { source, sieve }
    }
}

impl EntrySource for Sifted {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<SourceEntry>>> {
        async {
            while let Some(entry) = self.source.next().await? {
                let size = match &entry.kind {
                    SourceKind::File { size, .. } => size.unwrap_or_default(),
                    SourceKind::Directory
                    | SourceKind::Symlink { .. }
                    | SourceKind::External { .. }
                    | SourceKind::Removed => 0,
                };
                self.sieve.count(&entry.path, size)?;
                if self.sieve.takes(&entry.path)? {
                    return Ok(Some(entry));
                }
            }
            Ok(None)
        }
        .boxed()
    }

    fn chunk(&mut self) -> BoxFuture<'_, Result<Option<Bytes>>> {
        self.source.chunk()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> TreePath {
        TreePath::new(text).expect("the tests' paths are valid")
    }

    #[test]
    fn names_that_others_take_for_their_own_are_known_in_all_their_spellings() {
        for (text, owner) in [
            ("/.git", Some(Owner::Git)),
            ("/a/.GIT/hooks/post-checkout", Some(Owner::Git)),
            ("/GIT~1/config", Some(Owner::Git)),
            ("/.workspace", Some(Owner::Workspace)),
            ("/a/.Workspace/workspace.db", Some(Owner::Workspace)),
            ("/.work\u{17f}pace/x", Some(Owner::Workspace)),
            ("/.wor\u{212a}space/x", Some(Owner::Workspace)),
            ("/.work\u{200d}space", Some(Owner::Workspace)),
            ("/.workspace. ./x", Some(Owner::Workspace)),
            ("/.workspace::$INDEX_ALLOCATION/x", Some(Owner::Workspace)),
            ("/WORKSP~1/x", Some(Owner::Workspace)),
            (
                "/.workspace-export-0011223344556677/x",
                Some(Owner::Workspace),
            ),
            (
                "/.workspace-replaced-0011223344556677",
                Some(Owner::Workspace),
            ),
            ("/.workspaces", None),
            ("/workspace", None),
            ("/a.workspace", None),
            ("/worksp~", None),
            ("/.gitignore", None),
        ] {
            assert_eq!(Owner::of(&path(text)), owner, "{text}");
        }
    }

    #[test]
    fn what_is_left_out_counts_against_the_limits() {
        let limits = ImportLimits::default().entries(2).bytes(100);
        let left_out = Arc::new(AtomicU64::new(0));
        let mut sieve = Sieve::new(limits, false, Arc::clone(&left_out));
        sieve.count(&path("/.git/x"), 60).unwrap();
        assert!(!sieve.takes(&path("/.git/x")).unwrap());
        let error = sieve.count(&path("/.git/y"), 60).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LimitExceeded);
        let error = sieve.count(&path("/.git/z"), 0).unwrap_err();
        assert!(error.to_string().contains("more than 2 entries"), "{error}");
        assert_eq!(left_out.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_workspace_is_left_out_whatever_is_allowed() {
        let left_out = Arc::new(AtomicU64::new(0));
        let mut sieve = Sieve::new(ImportLimits::default(), true, left_out);
        assert!(sieve.takes(&path("/.git/config")).unwrap());
        assert!(!sieve.takes(&path("/.workspace/workspace.db")).unwrap());
        for part in ["/s/HEAD", "/s/objects", "/s/refs"] {
            assert!(sieve.takes(&path(part)).unwrap());
        }
    }
}
