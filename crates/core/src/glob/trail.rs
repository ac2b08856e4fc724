//! A glob along the paths of a walk.

use super::Glob;
use super::automaton::Progress;
use crate::path::TreePath;

/// Compares a glob with paths that come one after the other, as a walk has them: of each, only
/// the names that the one before it did not have are looked at. Any order is right; that of a
/// walk is the cheapest.
#[derive(Debug)]
pub struct GlobTrail<'g> {
    glob: &'g Glob,
    last: TreePath,
    /// Where each name of the last path ends, in bytes, and how far the glob is there.
    reached: Vec<(usize, Progress)>,
}

/// What a glob says of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GlobVerdict {
    /// Whether the path, or a directory above it, matches.
    pub matches: bool,
    /// Whether anything below it could match.
    pub may_match_below: bool,
}

impl Glob {
    /// Begins to compare it with the paths of a walk.
    ///
    /// ```
    /// use workspace_core::{Glob, TreePath};
    ///
    /// let glob = Glob::new("/src/*.rs")?;
    /// let mut trail = glob.trail();
    /// assert!(trail.at(&TreePath::new("/src")?).may_match_below);
    /// assert!(trail.at(&TreePath::new("/src/lib.rs")?).matches);
    /// assert!(!trail.at(&TreePath::new("/docs")?).may_match_below);
    /// # Ok::<(), workspace_core::Error>(())
    /// ```
    pub fn trail(&self) -> GlobTrail<'_> {
        GlobTrail {
            glob: self,
            last: TreePath::root(),
            reached: Vec::new(),
        }
    }
}

impl GlobTrail<'_> {
    /// Tells what the glob says of `path`.
    pub fn at(&mut self, path: &TreePath) -> GlobVerdict {
        let (last, text) = (self.last.as_str().as_bytes(), path.as_str().as_bytes());
        let same = last.iter().zip(text).take_while(|(a, b)| a == b).count();
        // A name is the same where it ends in both.
        let kept = self
            .reached
            .iter()
            .take_while(|(end, _)| *end <= same && text.get(*end).is_none_or(|byte| *byte == b'/'));
        let kept = kept.count();
        self.reached.truncate(kept);
        let start = (0, self.glob.0.automaton.start());
        let (mut end, mut progress) = self.reached.last().copied().unwrap_or(start);
        let rest = path.as_str().get(end..).unwrap_or_default();
        for name in rest.split('/').filter(|name| !name.is_empty()) {
            end += 1 + name.len();
            progress = self.glob.step(progress, name);
            self.reached.push((end, progress));
        }
        self.last = path.clone();
        GlobVerdict {
            matches: progress.matched,
            may_match_below: progress.may_match_below(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::automaton;
    use super::*;

    proptest! {
        #[test]
        fn a_trail_says_what_the_glob_says(
            glob in prop::collection::vec("a|b|ab|\\*|\\*\\*|\\?b", 1..5),
            paths in prop::collection::vec(prop::collection::vec("a|b|ab|aba", 0..6), 1..30),
        ) {
            let glob = Glob::new(&format!("/{}", glob.join("/"))).unwrap();
            let mut trail = glob.trail();
            for path in paths {
                let path = TreePath::new(&format!("/{}", path.join("/"))).unwrap();
                let wanted = GlobVerdict {
                    matches: glob.matches(&path),
                    may_match_below: glob.may_match_below(&path),
                };
                prop_assert_eq!(trail.at(&path), wanted, "{}", path);
            }
        }
    }

    #[test]
    fn a_deep_walk_costs_a_step_an_entry() {
        let glob = Glob::new("/**/nothing").unwrap();
        let deep = "/d".repeat(1000);
        let paths: Vec<_> = (0..100)
            .map(|n| TreePath::new(&format!("{deep}/f{n}")).unwrap())
            .collect();
        let mut trail = glob.trail();
        trail.at(&paths[0]);
        let walk = || paths.iter().map(|path| trail.at(path)).last();
        let (steps, _) = automaton::steps(walk);
        let (whole, _) = automaton::steps(|| glob.matches(&paths[0]));
        assert!(
            steps <= whole,
            "{steps} for 100 entries, {whole} for one path"
        );
    }
}
