//! Globs as they are documented, by trying everything.

use workspace_core::TreePath;

/// Tells whether a pattern of names, `*`, `?` and `**` matches a path, or something above
/// it.
pub(super) fn matches(glob: &str, path: &TreePath) -> bool {
    let path: Vec<&str> = path.segments().collect();
    begins(&segments(glob), &path)
}

/// Tells whether such a pattern could match something at or below a path.
pub(super) fn may_match_below(glob: &str, path: &TreePath) -> bool {
    let path: Vec<&str> = path.segments().collect();
    leads(&segments(glob), &path)
}

/// One without a slash, but at its end, is a name at any depth.
fn segments(glob: &str) -> Vec<&str> {
    let names: Vec<&str> = glob.split('/').filter(|name| !name.is_empty()).collect();
    match glob.trim_end_matches('/').contains('/') {
        true => names,
        false => [vec!["**"], names].concat(),
    }
}

fn begins(glob: &[&str], path: &[&str]) -> bool {
    match (glob, path) {
        ([], _) => true,
        (["**", rest @ ..], path) => (0..=path.len()).any(|n| begins(rest, &path[n..])),
        ([one, rest @ ..], [name, path @ ..]) => is_name(one, name) && begins(rest, path),
        (_, []) => false,
    }
}

fn leads(glob: &[&str], path: &[&str]) -> bool {
    match (glob, path) {
        ([], _) | (_, []) => true,
        (["**", rest @ ..], [_, below @ ..]) => leads(rest, path) || leads(glob, below),
        ([one, rest @ ..], [name, path @ ..]) => is_name(one, name) && leads(rest, path),
    }
}

fn is_name(pattern: &str, name: &str) -> bool {
    let mut rest = name.chars();
    match pattern.chars().next() {
        None => name.is_empty(),
        Some('*') => {
            let pattern = &pattern[1..];
            let ends = name.char_indices().map(|(at, _)| at).chain([name.len()]);
            ends.into_iter().any(|at| is_name(pattern, &name[at..]))
        }
        Some(wanted) => {
            let found = rest.next();
            let fits = found.is_some() && (wanted == '?' || found == Some(wanted));
            fits && is_name(&pattern[wanted.len_utf8()..], rest.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_they_are_documented() {
        let path = |text: &str| TreePath::new(text).expect("a path");
        for (glob, at, whole, below) in [
            ("/a", "/a/b/c", true, true),
            ("/a/b", "/a", false, true),
            ("/a/b", "/c", false, false),
            ("b", "/a/b", true, true),
            ("b", "/a", false, true),
            ("/a/*", "/a", false, true),
            ("/a/*", "/a/b", true, true),
            ("/a/?", "/a/bc", false, false),
            ("/a/?", "/a/é", true, true),
            ("/**/x*", "/a/b/xyz", true, true),
            ("/a/**/b", "/a/b", true, true),
            ("/**", "/", true, true),
            ("*.b", "/a.b", true, true),
            ("*.b", "/a.bc", false, true),
        ] {
            assert_eq!(matches(glob, &path(at)), whole, "{glob} and {at}");
            assert_eq!(may_match_below(glob, &path(at)), below, "{glob} and {at}");
        }
    }
}
