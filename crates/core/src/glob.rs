//! Globs over tree paths.

use std::fmt;

use crate::error::{Error, ErrorKind, Result};
use crate::path::{MAX_PATH, TreePath};

/// A pattern over the paths of a tree.
///
/// `?` is one character, `*` any number within a segment, `[a-z]` and `[!a-z]`
/// one character of a set, `\` takes the next character as it is, and a segment
/// `**` is any number of segments. A pattern that starts with `/` is anchored
/// at the root; one without may start at any depth. What a pattern matches, it
/// matches with everything below.
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
/// assert!(matches("*.md", "/docs/intro.md"));
/// assert!(matches("**", "/anything/at/all"));
/// for bad in ["", "a//b", "/..", "[a", "a\\"] {
///     assert!(Glob::new(bad).is_err());
/// }
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Glob {
    text: String,
    segments: Vec<Segment>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Segment {
    /// `**`
    Any,
    One(Vec<Token>),
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Token {
    Char(char),
    /// `?`
    One,
    /// `*`
    Many,
    Set {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

impl Glob {
    /// Parses a pattern.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`], naming what is wrong with it.
    pub fn new(text: &str) -> Result<Self> {
        parse(text).map_err(|why| {
            let start: String = text.chars().take(120).collect();
            Error::new(ErrorKind::Invalid, "parse glob")
                .at(start.escape_debug())
                .because(why)
        })
    }

    /// Returns the pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Tells whether `path`, or a directory above it, matches.
    pub fn matches(&self, path: &TreePath) -> bool {
        self.run(path).any
    }

    /// Tells whether anything below the directory `path` could match.
    pub fn may_match_below(&self, path: &TreePath) -> bool {
        let run = self.run(path);
        run.any || run.states.contains(&true)
    }

    /// Returns what the pattern is for somebody who sees `root` as `/`: the
    /// patterns of which one matches a path where this one matches that path
    /// below `root`.
    pub(crate) fn below(&self, root: &TreePath) -> Vec<Self> {
        let Run { any, states } = self.run(root);
        if any {
            return vec![Self {
                text: "/**".into(),
                segments: vec![Segment::Any],
            }];
        }
        // What a state leads to through `**` is part of what begins at it.
        let implied =
            |at: usize| at > 0 && states[at - 1] && matches!(self.segments[at - 1], Segment::Any);
        (0..self.segments.len())
            .filter(|at| states[*at] && !implied(*at))
            .map(|at| self.rest(at))
            .collect()
    }

    /// Returns the pattern from its segment `at` on, anchored.
    fn rest(&self, at: usize) -> Self {
        let written = self.text.split('/').filter(|part| !part.is_empty());
        let implied = self.segments.len() - written.clone().count();
        let mut text = String::new();
        if at < implied {
            text.push_str("/**");
        }
        for part in written.skip(at.saturating_sub(implied)) {
            text.push('/');
            text.push_str(part);
        }
        Self {
            text,
            segments: self.segments[at..].to_vec(),
        }
    }

    /// Runs the pattern over the segments as a state machine: a state is the
    /// number of pattern segments matched. O(pattern · path).
    fn run(&self, path: &TreePath) -> Run {
        let end = self.segments.len();
        let mut states = vec![false; end + 1];
        states[0] = true;
        self.close(&mut states);
        let mut any = states[end];
        for name in path.segments() {
            let mut next = vec![false; end + 1];
            for (at, segment) in self
                .segments
                .iter()
                .enumerate()
                .filter(|(at, _)| states[*at])
            {
                match segment {
                    Segment::Any => next[at] = true,
                    Segment::One(tokens) if matches_name(tokens, name) => next[at + 1] = true,
                    Segment::One(_) => {}
                }
            }
            self.close(&mut next);
            states = next;
            any |= states[end];
        }
        Run { any, states }
    }

    /// `**` also stands for no segment at all.
    fn close(&self, states: &mut [bool]) {
        for (at, segment) in self.segments.iter().enumerate() {
            if states[at] && matches!(segment, Segment::Any) {
                states[at + 1] = true;
            }
        }
    }
}

struct Run {
    /// Whether the path, or a directory above it, matches.
    any: bool,
    /// The states after the whole path; of no account where it matches.
    states: Vec<bool>,
}

impl fmt::Debug for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Glob({:?})", self.text)
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::str::FromStr for Glob {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::new(text)
    }
}

fn parse(text: &str) -> std::result::Result<Glob, String> {
    if text.is_empty() {
        return Err("empty pattern".into());
    }
    if text.len() > MAX_PATH {
        return Err(format!("longer than {MAX_PATH} bytes"));
    }
    let (anchored, relative) = match text.strip_prefix('/') {
        Some(relative) => (true, relative),
        None => (false, text),
    };
    let mut segments = Vec::new();
    if !anchored && !relative.starts_with("**") {
        segments.push(Segment::Any);
    }
    // `/` alone is the root, with everything below.
    for segment in relative.split('/').filter(|_| !relative.is_empty()) {
        segments.push(match segment {
            "" => return Err("empty segment".into()),
            "." | ".." => return Err(format!("`{segment}` segment")),
            "**" => Segment::Any,
            _ => Segment::One(parse_segment(segment)?),
        });
    }
    Ok(Glob {
        text: text.into(),
        segments,
    })
}

fn parse_segment(segment: &str) -> std::result::Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut chars = segment.chars().peekable();
    while let Some(c) = chars.next() {
        tokens.push(match c {
            '\0' => return Err("NUL byte".into()),
            '?' => Token::One,
            '*' => {
                if tokens.last() == Some(&Token::Many) {
                    return Err("`**` stands for whole segments only".into());
                }
                Token::Many
            }
            '\\' => Token::Char(chars.next().ok_or("`\\` at the end of a segment")?),
            '[' => {
                let negated = chars.next_if(|c| matches!(c, '!' | '^')).is_some();
                let mut ranges = Vec::new();
                loop {
                    let low = match chars.next().ok_or("`[` without `]`")? {
                        ']' if !ranges.is_empty() => break,
                        '\\' => chars.next().ok_or("`[` without `]`")?,
                        c => c,
                    };
                    let mut high = low;
                    let mut ahead = chars.clone();
                    if ahead.next() == Some('-') && ahead.next().is_some_and(|c| c != ']') {
                        chars.next();
                        high = chars.next().ok_or("`[` without `]`")?;
                    }
                    ranges.push((low, high));
                }
                Token::Set { negated, ranges }
            }
            c => Token::Char(c),
        });
    }
    Ok(tokens)
}

/// Matches one segment, going back to the last `*` only: O(pattern · name).
fn matches_name(tokens: &[Token], name: &str) -> bool {
    let name: Vec<char> = name.chars().collect();
    let (mut token, mut at) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while at < name.len() {
        match tokens.get(token) {
            Some(Token::Many) => {
                retry = Some((token, at));
                token += 1;
            }
            Some(one) if matches_char(one, name[at]) => {
                token += 1;
                at += 1;
            }
            _ => match retry {
                Some((many, from)) => {
                    retry = Some((many, from + 1));
                    token = many + 1;
                    at = from + 1;
                }
                None => return false,
            },
        }
    }
    tokens[token..].iter().all(|token| *token == Token::Many)
}

fn matches_char(token: &Token, c: char) -> bool {
    match token {
        Token::Char(expected) => c == *expected,
        Token::One => true,
        Token::Many => false,
        Token::Set { negated, ranges } => {
            ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *negated
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
                text_matches(segment.as_bytes(), name.as_bytes()) && matches_slowly(rest, names)
            }
        }
    }

    fn text_matches(pattern: &[u8], name: &[u8]) -> bool {
        match (pattern, name) {
            ([], []) => true,
            ([b'*', rest @ ..], name) => {
                (0..=name.len()).any(|skipped| text_matches(rest, &name[skipped..]))
            }
            ([b'?', rest @ ..], [_, name @ ..]) => text_matches(rest, name),
            ([c, rest @ ..], [n, name @ ..]) => c == n && text_matches(rest, name),
            _ => false,
        }
    }

    fn segments() -> impl Strategy<Value = Vec<String>> {
        proptest::collection::vec("(\\*\\*|[ab]{1,3}|\\*?[ab?]{1,2}\\*?)", 1..5)
    }

    proptest! {
        #[test]
        fn agrees_with_trying_everything(
            pattern in segments(),
            names in proptest::collection::vec("[ab]{1,4}", 0..5),
        ) {
            let glob = Glob::new(&format!("/{}", pattern.join("/"))).unwrap();
            let path = TreePath::new(&format!("/{}", names.join("/"))).unwrap();
            let pattern: Vec<&str> = pattern.iter().map(String::as_str).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            prop_assert_eq!(glob.matches(&path), matches_slowly(&pattern, &names));
            if glob.matches(&path) {
                let mut above = Some(path);
                while let Some(directory) = above {
                    prop_assert!(glob.may_match_below(&directory));
                    above = directory.parent();
                }
            }
        }

        #[test]
        fn parsing_never_panics(text in "[ab/*?\\[\\]!^\\\\.-]{0,20}|\\PC{0,20}", path in "(/[ab*\\[\\]-]{1,4}){1,4}") {
            let path = TreePath::new(&path).unwrap();
            if let Ok(glob) = Glob::new(&text) {
                glob.matches(&path);
                prop_assert_eq!(Glob::new(glob.as_str()).unwrap(), glob);
            }
        }
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
            ("/\\*", "/*", true),
            ("/\\*", "/a", false),
            ("/", "/", true),
            ("/", "/a/b", true),
            ("a", "/x/a/y", true),
            ("/a", "/x/a", false),
            ("/é?", "/éü", true),
        ] {
            assert_eq!(matches(glob, path), expected, "{glob} {path}");
        }
    }
}
