//! What git takes for its own: a directory by its name, or by what is in it.
//!
//! Such a directory names programs that git runs.

use std::collections::HashMap;

use gix_validate::path::component::{Error as Refused, Options};
use workspace_core::{Error, ErrorKind, Result, TreePath};

use crate::folding::is_taken_for;

/// Tells whether git takes a name for its own directory on any file system: in upper
/// case, with what HFS+ passes over, or as NTFS abbreviates it.
pub(crate) fn is_git_name(name: &[u8]) -> bool {
    let options = Options {
        protect_windows: false,
        protect_hfs: true,
        protect_ntfs: true,
    };
    let found = gix_validate::path::component(name.into(), None, options);
    matches!(found, Err(Refused::DotGitDir))
}

/// What git finds in a repository, whatever its name: the first with the next two, or with
/// the last.
const PARTS: [(&str, u8); 4] = [
    ("head", 0b0001),
    ("objects", 0b0010),
    ("refs", 0b0100),
    ("commondir", 0b1000),
];

/// Names of which git takes those in one directory for a repository.
#[derive(Debug, Clone, Copy, Default)]
pub struct RepositoryParts(u8);

impl RepositoryParts {
    /// Notes a name in the directory.
    pub fn note(&mut self, name: &[u8]) {
        self.0 |= part(name);
    }

    /// Tells whether git takes the directory for a repository, and so runs what its
    /// `config` names: it has `HEAD`, `objects` and `refs`, or `HEAD` and `commondir`.
    pub fn is_repository(self) -> bool {
        self.0 & 0b0111 == 0b0111 || self.0 & 0b1001 == 0b1001
    }
}

fn part(name: &[u8]) -> u8 {
    PARTS
        .iter()
        .find(|(part, _)| is_taken_for(name, part))
        .map_or(0, |(_, bit)| *bit)
}

/// The most bytes of paths of directories that are held.
const MAX_BYTES: usize = 64 << 20;

/// Finds the directories of a stream of paths that git takes for repositories.
///
/// Holds the paths of directories that have one of those names: up to 64 MiB.
#[derive(Debug, Default)]
pub struct Repositories {
    found: HashMap<String, RepositoryParts>,
    bytes: usize,
}

impl Repositories {
    /// Notes a path, and returns a directory above it that is a repository by now.
    ///
    /// # Errors
    /// `LimitExceeded`.
    pub fn note(&mut self, path: &TreePath) -> Result<Option<TreePath>> {
        let text = path.as_str();
        let mut above = 0;
        for name in path.segments() {
            let directory = &text[..above];
            above += 1 + name.len();
            if part(name.as_bytes()) == 0 {
                continue;
            }
            if !self.found.contains_key(directory) {
                self.bytes += directory.len() + 64;
                if self.bytes > MAX_BYTES {
                    let why = "more directories with `HEAD`, `objects` or `refs` than are held";
                    let error = Error::new(ErrorKind::LimitExceeded, "look for repositories");
                    return Err(error.at(path).because(why));
                }
            }
            let parts = self.found.entry(directory.to_owned()).or_default();
            parts.note(name.as_bytes());
            if parts.is_repository() {
                return TreePath::new(if directory.is_empty() { "/" } else { directory }).map(Some);
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn git_s_own_directory_is_known_in_all_its_spellings() {
        for git in [
            ".git",
            ".GIT",
            "GIT~1",
            ".g\u{200c}it",
            ".git .",
            ".git::$INDEX_ALLOCATION",
        ] {
            assert!(is_git_name(git.as_bytes()), "{git}");
        }
        for other in [".gitignore", ".github", "git", "a.git", ".git~"] {
            assert!(!is_git_name(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn a_repository_is_known_by_what_is_in_it() {
        let path = |text| TreePath::new(text).expect("the tests' paths are valid");
        for (paths, found) in [
            (&["/s/HEAD", "/s/objects", "/s/refs"][..], Some("/s")),
            (
                &["/s/refs/heads/a", "/s/x", "/s/Objects/b", "/s/head"],
                Some("/s"),
            ),
            (&["/HEAD", "/objects", "/refs"], Some("/")),
            (&["/s/HEAD", "/s/commondir"], Some("/s")),
            (&["/s/HEAD", "/s/objects", "/t/refs"], None),
            (&["/objects", "/refs", "/headers"], None),
        ] {
            let mut repositories = Repositories::default();
            let last = paths
                .iter()
                .find_map(|text| repositories.note(&path(text)).unwrap());
            assert_eq!(last, found.map(path), "{paths:?}");
        }
    }

    #[test]
    fn what_is_held_of_repositories_is_bounded() {
        let mut repositories = Repositories::default();
        let long = format!("/{}", "n".repeat(255)).repeat(15);
        let error = (0..).find_map(|number| {
            let path = TreePath::new(&format!("{long}/{number}/refs")).unwrap();
            repositories.note(&path).err()
        });
        assert_eq!(error.map(|it| it.kind()), Some(ErrorKind::LimitExceeded));
    }
}
