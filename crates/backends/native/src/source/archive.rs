//! What the members of an archive may be called.

use workspace_core::{MAX_TARGET, Result, Text, TreePath};

use super::invalid;

/// Returns the path of a member: below `/`, whatever its archive says. `.` and
/// doubled or trailing slashes, which tar writes, mean nothing.
pub(super) fn member_path(name: &[u8]) -> Result<TreePath> {
    let shown = || String::from_utf8_lossy(name).escape_debug().to_string();
    let Ok(text) = str::from_utf8(name) else {
        return Err(invalid(shown(), "the name is not UTF-8"));
    };
    if text.is_empty() {
        return Err(invalid("member", "it has no name"));
    }
    if text.starts_with('/') {
        return Err(invalid(shown(), "the path is absolute"));
    }
    let mut path = String::with_capacity(text.len() + 1);
    for segment in text
        .split('/')
        .filter(|segment| !matches!(*segment, "" | "."))
    {
        if segment == ".." {
            return Err(invalid(shown(), "the path leaves the archive"));
        }
        path.push('/');
        path.push_str(segment);
    }
    if path.is_empty() {
        return Ok(TreePath::root());
    }
    TreePath::new(&path)
}

/// Returns where a symlink points: anywhere, as nobody follows it.
pub(super) fn link_target(at: &TreePath, target: &[u8]) -> Result<Text<MAX_TARGET>> {
    let text = str::from_utf8(target).map_err(|_| invalid(at, "the link's target is not UTF-8"))?;
    Text::new(text).map_err(|cause| invalid(at, "the link's target").with_source(cause))
}

#[cfg(test)]
mod tests {
    use super::*;
    use workspace_core::ErrorKind;

    #[test]
    fn member_paths_stay_inside() {
        for (name, path) in [
            ("a", "/a"),
            ("./a/b", "/a/b"),
            ("a//b/", "/a/b"),
            (".", "/"),
            ("./", "/"),
            ("a/./b", "/a/b"),
            ("...", "/..."),
            ("a\\..\\b", "/a\\..\\b"),
        ] {
            assert_eq!(member_path(name.as_bytes()).unwrap().as_str(), path);
        }
        let long = "n".repeat(256);
        for name in ["", "/a", "/", "..", "../a", "a/../b", "a/..", "a\0b", &long] {
            let error = member_path(name.as_bytes()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{name}");
        }
        let error = member_path(b"caf\xe9").unwrap_err();
        assert!(error.to_string().contains("not UTF-8"), "{error}");
    }
}
