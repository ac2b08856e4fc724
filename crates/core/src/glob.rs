//! Globs over tree paths.

mod automaton;
#[cfg(test)]
mod oracle;
mod parse;
mod trail;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::path::TreePath;
use crate::reason::Reason;

use automaton::Automaton;
use parse::Segment;

pub use trail::{GlobTrail, GlobVerdict};

pub(crate) use automaton::Progress;
#[cfg(test)]
pub(crate) use automaton::steps;

/// A pattern over the paths of a tree.
///
/// `?` is one character, `*` any number within a segment, `[a-z]` one character of
/// a set, `[!a-z]` and `[^a-z]` one that is not of it, `\` takes the next character
/// as it is, also in a set, and a segment `**` is any number of segments. Braces mean
/// themselves. A pattern starts at the root, whether or not it says so with a `/`: but
/// one without any slash, except at its end, is a name at any depth, as in
/// `.gitignore`. What a pattern matches, it matches with everything below, so a slash
/// at its end says nothing. Several `**` in a row are one.
///
/// It has up to 4,096 bytes, 64 segments, 16 of them `**` (a name at any depth starts
/// with one), 256 characters and ranges in sets, and 127 positions: one
/// for each segment without wildcards, and for each other one more than it has
/// characters and sets. Then no match takes more than some thousand steps.
///
/// ```
/// use workspace_core::{Glob, TreePath};
/// let matches = |glob: &str, path: &str| {
///     Glob::new(glob).unwrap().matches(&TreePath::new(path).unwrap())
/// };
/// assert!(matches("/src/*.rs", "/src/lib.rs"));
/// assert!(!matches("/src/*.rs", "/src/bin/main.rs"));
/// assert!(matches("/src/**/*.rs", "/src/a/b/c.rs"));
/// assert!(matches("/src", "/src/a/b"));
/// assert!(matches("photos/**", "/photos/a.jpg") && matches("photos/", "/photos/a.jpg"));
/// assert!(!matches("photos/**", "/private/photos/a.jpg"));
/// assert!(matches("*.md", "/docs/intro.md"));
/// assert!(matches("**", "/anything/at/all"));
/// for bad in ["", "a//b", "//", "/..", "[a", "a\\"] {
///     assert!(Glob::new(bad).is_err());
/// }
/// ```
#[derive(Clone)]
pub struct Glob(Arc<Parsed>);

struct Parsed {
    text: Box<str>,
    segments: Vec<Segment>,
    automaton: Automaton,
}

impl Glob {
    /// Parses a pattern.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid), naming what is wrong with it or the limit that it
    /// exceeds.
    pub fn new(text: &str) -> Result<Self> {
        match parse::parse(text) {
            Ok(segments) => Ok(Self::of(text.into(), segments)),
            Err(why) => {
                let start: String = text.chars().take(120).collect();
                Err(Error::invalid(Reason::MalformedGlob, "parse glob")
                    .at(start.escape_debug())
                    .because(why))
            }
        }
    }

    /// Returns the pattern of this very path, and of what is below it.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a path that is deeper or longer than a pattern can be.
    pub fn of_path(path: &TreePath) -> Result<Self> {
        let mut text = String::with_capacity(path.as_str().len());
        for character in path.as_str().chars() {
            if matches!(character, '*' | '?' | '[' | '\\') {
                text.push('\\');
            }
            text.push(character);
        }
        match path.is_root() {
            true => Self::new("/**"),
            false => Self::new(&text),
        }
    }

    fn of(text: Box<str>, segments: Vec<Segment>) -> Self {
        Self(Arc::new(Parsed {
            automaton: Automaton::new(&segments),
            text,
            segments,
        }))
    }

    /// Returns the pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// Tells whether `path`, or a directory above it, matches.
    pub fn matches(&self, path: &TreePath) -> bool {
        self.along(path).matched
    }

    /// Tells whether anything below the directory `path` could match.
    pub fn may_match_below(&self, path: &TreePath) -> bool {
        self.along(path).may_match_below()
    }

    /// Returns how far it comes along `path`.
    pub(crate) fn along(&self, path: &TreePath) -> Progress {
        let start = self.0.automaton.start();
        path.segments().fold(start, |at, name| self.step(at, name))
    }

    /// Returns how far it comes with one name more.
    pub(crate) fn step(&self, from: Progress, name: &str) -> Progress {
        self.0.automaton.step(from, name)
    }

    /// Returns what the pattern is for somebody who sees `root` as `/`: the
    /// patterns of which one matches a path where this one matches that path
    /// below `root`.
    pub(crate) fn below(&self, root: &TreePath) -> Vec<Self> {
        let progress = self.along(root);
        if progress.matched {
            return vec![Self::of("/**".into(), vec![Segment::any()])];
        }
        let segments = &self.0.segments;
        let live = |at: usize| self.0.automaton.is_at(progress, at);
        // What a state leads to through `**` is part of what begins at it.
        let implied = |at: usize| at > 0 && live(at - 1) && segments[at - 1].is_any();
        (0..segments.len())
            .filter(|at| live(*at) && !implied(*at))
            .map(|at| self.rest(at))
            .collect()
    }

    /// Returns the pattern from its segment `at` on, anchored.
    fn rest(&self, at: usize) -> Self {
        let segments = self.0.segments[at..].to_vec();
        let written = segments.iter().flat_map(|segment| ["/", &segment.written]);
        Self::of(written.collect::<String>().into(), segments)
    }
}

impl PartialEq for Glob {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Glob {}

impl Hash for Glob {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Debug for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Glob({:?})", self.as_str())
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Glob {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::new(text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

    use super::*;
    use crate::error::ErrorKind;

    /// Says the same by trying everything.
    fn matches_slowly(pattern: &[&str], names: &[&str]) -> bool {
        match (pattern, names) {
            ([], _) => true,
            (["**", rest @ ..], []) => matches_slowly(rest, &[]),
            (_, []) => false,
            (["**", rest @ ..], names) => {
                (0..=names.len()).any(|skipped| matches_slowly(rest, &names[skipped..]))
            }
            ([segment, rest @ ..], [name, names @ ..]) => {
                let characters = |text: &str| text.chars().collect::<Vec<_>>();
                text_matches(&characters(segment), &characters(name)) && matches_slowly(rest, names)
            }
        }
    }

    fn text_matches(pattern: &[char], name: &[char]) -> bool {
        match (pattern, name) {
            ([], []) => true,
            (['*', rest @ ..], name) => {
                (0..=name.len()).any(|skipped| text_matches(rest, &name[skipped..]))
            }
            (['?', rest @ ..], [_, name @ ..]) => text_matches(rest, name),
            (['[', '!' | '^', set @ ..], [n, name @ ..]) => {
                let (within, rest) = set_has(set, *n, true);
                !within && text_matches(rest, name)
            }
            (['[', set @ ..], [n, name @ ..]) => {
                let (within, rest) = set_has(set, *n, true);
                within && text_matches(rest, name)
            }
            (['\\', c, rest @ ..], [n, name @ ..]) => c == n && text_matches(rest, name),
            ([c, rest @ ..], [n, name @ ..]) => c == n && text_matches(rest, name),
            _ => false,
        }
    }

    /// Tells whether a set has a character, and returns what is after its `]`.
    fn set_has(set: &[char], n: char, first: bool) -> (bool, &[char]) {
        let (within, rest) = match set {
            [']', rest @ ..] if !first => return (false, rest),
            ['\\', low, '-', '\\', high, rest @ ..] => (*low <= n && n <= *high, rest),
            ['\\', low, '-', high, rest @ ..] if *high != ']' => (*low <= n && n <= *high, rest),
            ['\\', c, rest @ ..] => (*c == n, rest),
            [low, '-', '\\', high, rest @ ..] => (*low <= n && n <= *high, rest),
            [low, '-', high, rest @ ..] if *high != ']' => (*low <= n && n <= *high, rest),
            [c, rest @ ..] => (*c == n, rest),
            [] => panic!("a set without an end"),
        };
        let (others, rest) = set_has(rest, n, false);
        (within || others, rest)
    }

    fn segments() -> impl Strategy<Value = Vec<String>> {
        let part = "(\\*\\*|[abé]{1,3}|\\*?[abé?]{1,2}\\*?|\\*|(\\[(a|!a|bé|a-é|!b-é)\\]){1,2}[ab*]?|\
             (\\[[!^]?(\\]|\\\\?[ab*-])(\\\\[\\]a*-]|[ab]|[*b]-\\\\?[a*é]|\\*-\\\\\\]){0,2}-?\\]|\\\\[*a\\]-]){1,2}\\*?)";
        proptest::collection::vec(part, 1..6)
    }

    fn path(text: &str) -> TreePath {
        TreePath::new(text).unwrap()
    }

    /// How often a property came to what it is about.
    fn check<S: Strategy>(
        cases: u32,
        strategy: S,
        property: impl Fn(S::Value) -> std::result::Result<bool, TestCaseError>,
    ) -> u32 {
        let mut runner = TestRunner::new_with_rng(
            Config {
                cases,
                failure_persistence: None,
                ..Config::default()
            },
            TestRng::deterministic_rng(RngAlgorithm::ChaCha),
        );
        let reached = std::cell::Cell::new(0);
        let checked = runner.run(&strategy, |value| {
            reached.set(reached.get() + u32::from(property(value)?));
            Ok(())
        });
        checked.unwrap();
        reached.get()
    }

    #[test]
    fn agrees_with_trying_everything() {
        let names = proptest::collection::vec("[abéü]{1,4}|[ab*\\]-]{1,2}", 0..5);
        let matched = check(2_000, (segments(), names), |(pattern, names)| {
            let glob = Glob::new(&format!("/{}", pattern.join("/"))).unwrap();
            let path = path(&format!("/{}", names.join("/")));
            let pattern: Vec<&str> = pattern.iter().map(String::as_str).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            prop_assert_eq!(glob.matches(&path), matches_slowly(&pattern, &names));
            // What begins below some directory goes on there.
            for at in 0..names.len() {
                let above = self::path(&format!("/{}", names[..at].join("/")));
                let below = self::path(&format!("/{}", names[at..].join("/")));
                let rest = glob.below(&above);
                let found = rest.iter().any(|glob| glob.matches(&below));
                prop_assert_eq!(found, glob.matches(&path), "{:?} below {}", glob, above);
                prop_assert!(glob.may_match_below(&above) || !glob.matches(&path));
            }
            Ok(glob.matches(&path))
        });
        assert!(matched > 200, "{matched}");
    }

    #[test]
    fn what_is_implied_is_not_said_again() {
        let below = |glob: &str, at: &str| -> Vec<String> {
            let rest = Glob::new(glob).unwrap().below(&path(at));
            rest.iter().map(|glob| glob.as_str().to_string()).collect()
        };
        assert_eq!(below("b", "/"), ["/**/b"]);
        assert_eq!(below("/**/b/c", "/x"), ["/**/b/c"]);
        assert_eq!(below("/**/b/c", "/b"), ["/**/b/c", "/c"]);
        assert_eq!(below("/a/**/b", "/a"), ["/**/b"]);
        assert_eq!(below("/a/**/b", "/"), ["/a/**/b"]);
        assert_eq!(below("/a/b", "/a/b/c"), ["/**"]);
    }

    #[test]
    fn parsing_never_panics() {
        let text =
            "[ab/*?\\[\\]!^\\\\.-]{0,20}|(/?(\\*\\*|[a?*]|\\[[!^]?[^/]{1,4}\\])){1,5}|\\PC{0,20}";
        let parsed = check(4_000, (text, "(/[ab*\\[\\]-]{1,4}){1,4}"), |(text, at)| {
            let Ok(glob) = Glob::new(&text) else {
                return Ok(false);
            };
            prop_assert_eq!(glob.as_str(), text);
            glob.matches(&path(&at));
            for rest in glob.below(&path(&at)) {
                let again = Glob::new(rest.as_str()).unwrap();
                prop_assert_eq!(again.matches(&path(&at)), rest.matches(&path(&at)));
            }
            Ok(true)
        });
        assert!(parsed > 1_000, "{parsed}");
    }

    #[test]
    fn what_exceeds_a_limit_is_refused() {
        let many = |count: usize, segment: &str| format!("/{segment}").repeat(count);
        for (fits, exceeds, limit) in [
            (many(64, "a"), many(65, "a"), "64 segments"),
            (
                many(64, "a")[1..].into(),
                many(65, "a")[1..].into(),
                "64 segments",
            ),
            (many(16, "**/a"), many(17, "**/a"), "16 `**`"),
            (
                format!("x{}", many(16, "**/a")),
                format!("x{}", many(17, "**/a")),
                "16 `**`",
            ),
            (many(42, "a*"), many(43, "a*"), "127 positions"),
            (
                many(1, &"?".repeat(126)),
                many(1, &"?".repeat(127)),
                "127 positions",
            ),
            (
                format!("/[{}]", "a".repeat(256)),
                format!("/[{}]", "a".repeat(257)),
                "256 characters",
            ),
            ("a".repeat(4092), "a".repeat(4093), "4096 bytes"),
            (
                format!("/{}", "a".repeat(4095)),
                format!("/{}", "a".repeat(4096)),
                "4096 bytes",
            ),
        ] {
            assert!(Glob::new(&fits).is_ok(), "{fits}");
            let error = Glob::new(&exceeds).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid);
            assert!(error.detail().unwrap().contains(limit), "{error}");
            assert!(error.to_string().len() < 400, "{error}");
        }
    }

    #[test]
    fn any_number_of_segments_twice_is_any_number_of_segments() {
        let all = "/**".repeat(1_365);
        let glob = Glob::new(&all).unwrap();
        assert_eq!(glob.as_str(), all, "the text stays");
        for (written, single) in [
            ("/**/**/a", "/**/a"),
            ("**/**", "**"),
            ("/a/**/**/**/b", "/a/**/b"),
        ] {
            let (written, single) = (Glob::new(written).unwrap(), Glob::new(single).unwrap());
            for at in ["/", "/a", "/b", "/a/b", "/x/a", "/a/x/y/b"] {
                assert_eq!(
                    written.matches(&path(at)),
                    single.matches(&path(at)),
                    "{at}"
                );
            }
        }
    }

    /// The worst that is accepted: as many places as can be are live at each name,
    /// of a path with as many names, or characters, as it can have.
    #[test]
    fn no_match_takes_ten_thousand_steps() {
        let paths = [1, 2, 3, 7, 255].map(|length| {
            let name = format!("/{}", "a".repeat(length));
            path(&name.repeat(4096 / name.len()))
        });
        let others = [
            path(&"/é".repeat(4096 / 3)),
            path(&format!("/{}", "é".repeat(127)).repeat(16)),
        ];
        let any = "/**/a*b".repeat(15);
        let mut globs = vec![
            format!("{any}/**/*{}", "a*".repeat(15)),
            format!("/**{}", "/a*".repeat(42)),
            format!("/**{}/?*b", "/a".repeat(50)),
            format!("/**/*{}b", "a".repeat(120)),
            format!("/**/{}b", "?*".repeat(61)),
            format!("/**{}", "/[!b]*c".repeat(31)),
            "/**/a".repeat(16) + "/b",
            format!("/**/[{}]*b", "aé".repeat(128)),
            format!("{}b", "*a".repeat(62)),
        ];
        globs.extend((1..16).map(|n| format!("{}/*a*b", "/**/a*".repeat(n))));
        let mut worst = 0;
        for glob in &globs {
            let glob = Glob::new(glob).unwrap();
            for path in paths.iter().chain(&others) {
                let (steps, _) = automaton::steps(|| glob.may_match_below(path));
                assert!(
                    steps < 10_000,
                    "{glob} on {} bytes: {steps}",
                    path.as_str().len()
                );
                worst = worst.max(steps);
            }
        }
        // So that the count is one of something: a name, looked up, and its character,
        // 2,048 times but for the first 50, after which the pattern may come.
        assert_eq!(worst, 3 * 2_048 - 50);
    }

    /// As many steps as names, twice, and characters, whatever the glob.
    #[test]
    fn steps_are_bounded_by_the_path() {
        let names = proptest::collection::vec("[ab]{1,3}", 0..60);
        let live = check(2_000, (segments(), names), |(pattern, names)| {
            let glob = Glob::new(&format!("**/{}", pattern.join("/"))).unwrap();
            let path = path(&format!("/{}", names.join("/")));
            let characters: usize = names.iter().map(String::len).sum();
            let (steps, _) = automaton::steps(|| glob.matches(&path));
            prop_assert!(steps <= (2 * names.len() + characters) as u64);
            Ok(steps > 50)
        });
        assert!(live > 200, "{live}");
    }

    /// A name is looked up where one may come next, and nowhere else.
    #[test]
    fn patterns_look_up_no_names() {
        let deep = path(&"/abc".repeat(100));
        for (glob, expected) in [
            // A step for each name.
            ("/**/*", 1 + 3),
            ("/?b?/**/x", 1 + 3 + 2 * 99),
            // Three characters more for each.
            ("/**/x*", 100 * (1 + 3)),
            // Nothing is live after the first, which is looked up.
            ("/x/y", 2),
            ("/**/x", 100 * 2),
        ] {
            let glob = Glob::new(glob).unwrap();
            let (steps, _) = steps(|| glob.matches(&deep));
            assert_eq!(steps, expected, "{glob}");
        }
    }

    /// Relative to the path as a reader expects it: from the root, but for a name.
    #[test]
    fn a_pattern_with_a_slash_starts_at_the_root() {
        for (glob, at, expected) in [
            ("photos/**", "/photos", true),
            ("photos/**", "/photos/a/b", true),
            ("photos/**", "/x/photos/a", false),
            ("photos/*.jpg", "/photos/a.jpg", true),
            ("photos/*.jpg", "/x/photos/a.jpg", false),
            ("photos/*.jpg", "/photos/x/a.jpg", false),
            ("a/b", "/a/b/c", true),
            ("a/b", "/x/a/b", false),
            ("a/b/", "/a/b", true),
            ("a/b/", "/x/a/b", false),
            ("*", "/a/b", true),
            ("*/b", "/a/b", true),
            ("*/b", "/a/c/b", false),
            ("**/b", "/a/c/b", true),
            ("**/a/b", "/x/a/b", true),
            // A name, at any depth.
            ("photos", "/x/photos/a", true),
            ("photos/", "/x/photos/a", true),
            ("/photos/", "/x/photos/a", false),
            ("*.md", "/a/b.md", true),
            ("*.md", "/a/b.md/c", true),
            ("**/", "/a", true),
            ("/**/", "/a", true),
        ] {
            let glob = Glob::new(glob).unwrap();
            assert_eq!(glob.matches(&path(at)), expected, "{glob} {at}");
        }
        for bad in ["//", "///", "a//", "//a", "a//b", "./a", "a/."] {
            assert!(Glob::new(bad).is_err(), "{bad}");
        }
    }

    /// What a pattern means now is no more than it meant, so that a grant that is
    /// stored as text allows no more than it did.
    #[test]
    fn patterns_that_are_stored_mean_no_more_than_they_did() {
        let segments = proptest::collection::vec("\\*\\*|a|b|\\*|a\\*|\\?|\\[!a\\]", 1..4);
        let names = proptest::collection::vec("[ab]{1,2}", 0..5);
        let script = (segments, any::<bool>(), any::<bool>(), names);
        let narrowed = check(2_000, script, |(segments, anchored, end, names)| {
            let text = segments.join("/");
            let slashes = (if anchored { "/" } else { "" }, if end { "/" } else { "" });
            let Ok(glob) = Glob::new(&format!("{}{text}{}", slashes.0, slashes.1)) else {
                return Ok(false);
            };
            let path = path(&format!("/{}", names.join("/")));
            let any_depth = !anchored && !text.starts_with("**");
            let mut before: Vec<&str> = segments.iter().map(String::as_str).collect();
            if any_depth {
                before.insert(0, "**");
            }
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            // One that ended with a slash was refused, and granted nothing.
            let before = matches_slowly(&before, &names);
            prop_assert!(!glob.matches(&path) || before, "{} {}", glob, path);
            Ok(before && !glob.matches(&path))
        });
        assert!(narrowed > 20, "{narrowed}");
    }

    #[test]
    fn sets_and_escapes() {
        let matches = |glob: &str, path: &str| {
            Glob::new(glob)
                .unwrap()
                .matches(&TreePath::new(path).unwrap())
        };
        for (glob, path, expected) in [
            ("/[a-c]x", "/bx", true),
            ("/[!a-c]x", "/bx", false),
            ("/[^a-c]x", "/dx", true),
            ("/[]]", "/]", true),
            ("/[a-]", "/-", true),
            ("/[\\]a]", "/]", true),
            ("/[+-\\]]", "/]", true),
            ("/[+-\\]]", "/A", true),
            ("/[+-\\]]", "/^", false),
            ("/[+-\\]x]", "/x", true),
            ("/[a\\-c]", "/b", false),
            ("/[\\a-c]", "/b", true),
            ("/[!\\^-\\^]", "/^", false),
            ("/\\*", "/*", true),
            ("/\\*", "/a", false),
            ("/", "/", true),
            ("/", "/a/b", true),
            ("a", "/x/a/y", true),
            ("/a", "/x/a", false),
            ("/é?", "/éü", true),
            ("/[a-é]x", "/\u{80}x", true),
            ("/[é-ü]", "/ö", true),
            ("/[é-ü]", "/þ", false),
            ("/[!é]", "/ö", true),
            ("/[\u{10ffff}]", "/\u{10ffff}", true),
            ("/[\u{d7ff}-\u{e000}]", "/\u{e001}", false),
            ("/[z-a]", "/m", false),
            // One way to a place does not cancel another.
            ("/*a*", "/aa", true),
            ("/*a*", "/aba", true),
            ("/*ab*b", "/ababb", true),
        ] {
            assert_eq!(matches(glob, path), expected, "{glob} {path}");
        }
    }

    /// Each pattern stands for its text.
    #[test]
    fn patterns_are_told_apart_by_their_text() {
        let [one, same, other] = ["/a", "/a", "/b"].map(|text| Glob::new(text).unwrap());
        assert!(one == same && one != other);
        let distinct = std::collections::HashSet::from([one.clone(), same, other]);
        assert_eq!(distinct.len(), 2);
        let hash = |glob: &Glob| {
            let mut hasher = std::hash::DefaultHasher::new();
            glob.hash(&mut hasher);
            hasher.finish()
        };
        let hashes: std::collections::HashSet<u64> = distinct.iter().map(hash).collect();
        assert_eq!(hashes.len(), 2);
        assert_eq!(
            (format!("{one}"), format!("{one:?}")),
            ("/a".into(), "Glob(\"/a\")".into())
        );
    }

    /// What somebody further down sees has no pattern that another says already.
    #[test]
    fn what_is_seen_from_below_is_said_once() {
        for (glob, root, seen) in [
            ("/a/**/b", "/", &["/a/**/b"][..]),
            ("/a/**/b", "/a", &["/**/b"]),
            ("/**/a/**/b", "/x", &["/**/a/**/b"]),
            ("/**/a/**/b", "/a", &["/**/a/**/b", "/**/b"]),
            ("/a/b", "/a", &["/b"]),
            ("/a", "/a/b", &["/**"]),
            ("/a/b", "/b", &[]),
        ] {
            let found = Glob::new(glob).unwrap().below(&path(root));
            let found: Vec<&str> = found.iter().map(Glob::as_str).collect();
            assert_eq!(found, seen, "{glob} from {root}");
        }
    }

    /// A segment that stands for a directory itself, or the one above, is no name.
    #[test]
    fn segments_that_are_no_names_are_refused_as_such() {
        for (glob, why) in [
            ("/a/./b", "`.` segment"),
            ("..", "`..` segment"),
            ("/a//b", "empty segment"),
        ] {
            let error = Glob::new(glob).unwrap_err();
            assert_eq!(error.detail(), Some(why), "{glob}");
        }
    }
}
