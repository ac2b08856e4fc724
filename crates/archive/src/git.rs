//! What git takes for its own directory, which names programs that git runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use gix_validate::path::component::{Error as Refused, Options};
use workspace_core::{EntrySource, Result, SourceEntry, TreePath};

/// Tells whether git takes a name for its own directory on any file system: in upper
/// case, with what HFS+ passes over, or as NTFS abbreviates it.
pub fn is_git_name(name: &[u8]) -> bool {
    let options = Options {
        protect_windows: false,
        protect_hfs: true,
        protect_ntfs: true,
    };
    let found = gix_validate::path::component(name.into(), None, options);
    matches!(found, Err(Refused::DotGitDir))
}

/// Tells whether a name in a path is one that [`is_git_name`] is true of.
pub fn is_git(path: &TreePath) -> bool {
    path.segments().any(|name| is_git_name(name.as_bytes()))
}

/// A source without the entries that [`is_git`] is true of.
pub struct WithoutGit {
    source: Box<dyn EntrySource>,
    left_out: Arc<AtomicU64>,
}

impl WithoutGit {
    /// Wraps a source; `left_out` counts what does not come out of it.
    pub fn new(source: Box<dyn EntrySource>, left_out: Arc<AtomicU64>) -> Self {
        Self { source, left_out }
    }
}

impl EntrySource for WithoutGit {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<SourceEntry>>> {
        async {
            while let Some(entry) = self.source.next().await? {
                if !is_git(&entry.path) {
                    return Ok(Some(entry));
                }
                self.left_out.fetch_add(1, Ordering::Relaxed);
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

    #[test]
    fn git_s_own_directory_is_known_in_all_its_spellings() {
        let path = |text| TreePath::new(text).expect("the tests' paths are valid");
        for git in [
            "/.git",
            "/.git/config",
            "/a/.GIT/hooks/post-checkout",
            "/GIT~1/config",
            "/.g\u{200c}it/config",
            "/.git ./config",
            "/.git::$INDEX_ALLOCATION/config",
        ] {
            assert!(is_git(&path(git)), "{git}");
        }
        for other in ["/.gitignore", "/.github/x", "/git", "/a.git/b", "/.git~/x"] {
            assert!(!is_git(&path(other)), "{other}");
        }
    }
}
