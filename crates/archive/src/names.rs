//! What the members of an archive may be called.

use workspace_core::{MAX_TARGET, Result, Text, TreePath};

use crate::invalid;

/// Returns the path of a member: below `/`, whatever its archive says. `.` and
/// doubled or trailing slashes, which tar writes, mean nothing.
///
/// # Errors
/// `Invalid` for a name that is empty, absolute, not UTF-8 or longer than a path may
/// be, and for one that leaves the archive.
pub fn member_path(name: &[u8]) -> Result<TreePath> {
    let shown = || {
        let text = String::from_utf8_lossy(name);
        let start: String = text.chars().take(200).collect();
        start.escape_debug().to_string()
    };
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
///
/// # Errors
/// `Invalid` for a target that is empty, too long or not UTF-8.
pub fn link_target(at: &TreePath, target: &[u8]) -> Result<Text<MAX_TARGET>> {
    let text = str::from_utf8(target).map_err(|_| invalid(at, "the link's target is not UTF-8"))?;
    Text::new(text).map_err(|cause| {
        let why = cause.detail().unwrap_or_default();
        invalid(at, &format!("the link's target: {why}"))
    })
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
            (".//a/b", "/a/b"),
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
