//! What is below a directory, from some path on, and what a model means by a glob.

use std::cmp::Ordering;

use workspace_core::{Entry, Error, Glob, GlobTrail, Reason, TreePath, View, Walk};

/// A pattern with braces stands for up to so many.
const MAX_GLOBS: usize = 32;

/// A walk, from some path on: what is before it is passed over, and its directories are not
/// entered.
pub(crate) struct Entries {
    walk: Walk,
    after: Option<TreePath>,
}

impl Entries {
    pub(crate) fn new(
        files: &View,
        path: &TreePath,
        after: Option<TreePath>,
    ) -> Result<Self, Error> {
        let walk = files.walk(path)?;
        Ok(Self { walk, after })
    }

    pub(crate) fn next(&mut self) -> Result<Option<(TreePath, Entry)>, Error> {
        while let Some((path, entry)) = self.walk.next().transpose()? {
            let Some(after) = &self.after else {
                return Ok(Some((path, entry)));
            };
            match walked(&path, after) {
                Ordering::Greater => {
                    self.after = None;
                    return Ok(Some((path, entry)));
                }
                Ordering::Less if !after.starts_with(&path) => self.walk.skip_directory(),
                _ => {}
            }
        }
        Ok(None)
    }

    /// Leaves out what is below the directory that was returned last.
    pub(crate) fn skip_directory(&mut self) {
        self.walk.skip_directory();
    }
}

/// Compares two paths by which of them a walk comes to first.
fn walked(one: &TreePath, other: &TreePath) -> Ordering {
    one.segments().cmp(other.segments())
}

/// The globs that a model means by one pattern.
pub(crate) struct Globs {
    globs: Vec<Glob>,
    /// Whether what is below a match is one too.
    deep: bool,
}

impl Globs {
    /// Reads a pattern, as seen from a directory: a name without a slash at any depth below
    /// it, and of `{a,b}` each.
    ///
    /// # Errors
    /// `Invalid`, also for what braces make more than 32 patterns of.
    pub(crate) fn new(pattern: &str, below: &TreePath) -> Result<Self, Error> {
        let relative = pattern.trim_start_matches("./");
        let deep = relative.ends_with("**");
        let mut left = vec![relative.to_owned()];
        let mut globs = Vec::new();
        while let Some(pattern) = left.pop() {
            if left.len() + globs.len() >= MAX_GLOBS {
                return Err(
                    Error::invalid(Reason::MalformedGlob, "parse glob").because(format!(
                        "its braces stand for more than {MAX_GLOBS} patterns"
                    )),
                );
            }
            match braces(&pattern) {
                Some(each) => left.extend(each),
                None => globs.push(anchored(&pattern, below)?),
            }
        }
        Ok(Self { globs, deep })
    }

    pub(crate) fn trails(&self) -> Vec<GlobTrail<'_>> {
        self.globs.iter().map(Glob::trail).collect()
    }

    /// Tells whether a path matches itself, and not only with a directory above it.
    pub(crate) fn matches_itself(&self, path: &TreePath) -> bool {
        let above = path.parent();
        self.globs.iter().any(|glob| {
            let covered = || above.as_ref().is_some_and(|above| glob.matches(above));
            glob.matches(path) && (self.deep || !covered())
        })
    }
}

/// Tells whether any of the globs matches a path, and whether one might below it.
pub(crate) fn verdict(trails: &mut [GlobTrail<'_>], path: &TreePath) -> (bool, bool) {
    let mut found = (false, false);
    for trail in trails {
        let verdict = trail.at(path);
        found.0 |= verdict.matches;
        found.1 |= verdict.may_match_below;
    }
    found
}

fn anchored(pattern: &str, below: &TreePath) -> Result<Glob, Error> {
    let named = !pattern.trim_end_matches('/').contains('/');
    if below.is_root() || pattern.starts_with('/') {
        return Glob::new(pattern);
    }
    let base = Glob::of_path(below)?;
    let between = if named { "/**/" } else { "/" };
    Glob::new(&format!("{}{between}{pattern}", base.as_str()))
}

/// Returns what the first braces of a pattern stand for, one by one.
fn braces(pattern: &str) -> Option<Vec<String>> {
    let mut depth = 0_usize;
    let (mut start, mut parts) = (0, Vec::new());
    let mut escaped = false;
    for (at, char) in pattern.char_indices() {
        match char {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '{' => {
                if depth == 0 {
                    (start, parts) = (at, vec![at + 1]);
                }
                depth += 1;
            }
            ',' if depth == 1 => parts.push(at + 1),
            '}' if depth == 1 && parts.len() > 1 => {
                parts.push(at + 1);
                let (head, tail) = (pattern.get(..start)?, pattern.get(at + 1..)?);
                let each = parts.windows(2).filter_map(|pair| {
                    let part = pattern.get(pair[0]..pair[1] - 1)?;
                    Some(format!("{head}{part}{tail}"))
                });
                return Some(each.collect());
            }
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> TreePath {
        TreePath::new(text).unwrap()
    }

    #[test]
    fn globs_mean_what_models_mean() {
        for (pattern, below, matching, not) in [
            ("*.rs", "/", "/a/b.rs", "/a/b.ts"),
            ("*.rs", "/a", "/a/c/b.rs", "/b.rs"),
            ("src/*", "/", "/src/a", "/src/a/b"),
            ("src/**", "/", "/src/a/b", "/other"),
            ("**/*.{ts,tsx}", "/", "/a.tsx", "/a.js"),
            ("{a,b{c,d}}.md", "/", "/x/bd.md", "/x/b.md"),
            ("./x/*.md", "/docs", "/docs/x/a.md", "/x/a.md"),
            ("*.md", "/[a]", "/[a]/x.md", "/a/x.md"),
        ] {
            let globs = Globs::new(pattern, &path(below)).unwrap();
            assert!(
                globs.matches_itself(&path(matching)),
                "{pattern} {matching}"
            );
            assert!(!globs.matches_itself(&path(not)), "{pattern} {not}");
        }
        assert_eq!(braces("a{b}c"), None);
        assert_eq!(braces("a\\{b,c}"), None);
        assert!(Globs::new(&"{a,b}".repeat(6), &path("/")).is_err());
    }

    #[test]
    fn a_walk_has_an_order() {
        assert_eq!(walked(&path("/a/b"), &path("/a-b")), Ordering::Less);
        assert_eq!(walked(&path("/a"), &path("/a/b")), Ordering::Less);
    }
}
