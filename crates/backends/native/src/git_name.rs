//! Names that git takes for its own directory.

use gix_validate::path::component::{Error as Refused, Options};

/// Tells whether git takes a name for its own directory on any file system: `.git`, also
/// in upper case, with what HFS+ passes over, or as NTFS abbreviates it. Such a directory
/// names programs that git runs.
pub fn is_git_name(name: &[u8]) -> bool {
    let options = Options {
        protect_windows: false,
        protect_hfs: true,
        protect_ntfs: true,
    };
    let found = gix_validate::path::component(name.into(), None, options);
    matches!(found, Err(Refused::DotGitDir))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn git_s_own_directory_has_many_names() {
        for name in [
            ".git",
            ".GIT",
            "git~1",
            "GIT~1",
            ".git ",
            ".git.",
            ".git::$INDEX_ALLOCATION",
            ".g\u{200c}it",
        ] {
            assert!(is_git_name(name.as_bytes()), "{name:?}");
        }
        for name in [".gitignore", "git", ".gi", "a.git", "gitx~1", ".git2", "é"] {
            assert!(!is_git_name(name.as_bytes()), "{name:?}");
        }
        assert!(!is_git_name(b"\xff"));
    }
}
