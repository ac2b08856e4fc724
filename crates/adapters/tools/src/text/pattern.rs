//! Patterns that lines are compared with.

use regex_lite::RegexBuilder;

/// A longer pattern is none, in bytes.
const MAX_PATTERN: usize = 1_000;
/// What a pattern may become, in bytes, and how many bytes of texts are compared with one of
/// up to that: what a byte costs is bounded by it.
const SIZES: [(usize, u64); 3] = [(2 << 10, 16 << 20), (6 << 10, 4 << 20), (16 << 10, 1 << 20)];
/// How many bytes of texts a plain text is looked for in.
const PLAIN: u64 = 64 << 20;
/// How deep groups may be within one another, and how many there may be.
const MAX_NESTED: u32 = 50;
const MAX_GROUPS: usize = 17;
/// A NUL among so many first bytes makes a file binary, as in git.
const BINARY_PROBE: usize = 8_000;

/// What is looked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Asked {
    /// A regular expression in the syntax of the crate `regex-lite`, or plain text.
    pub pattern: String,
    /// Whether it is plain text.
    pub literal: bool,
    /// Whether upper and lower case are the same.
    pub ignore_case: bool,
    /// Whether a match may go over several lines, and `.` is any character.
    pub multiline: bool,
}

/// A pattern, ready to be compared.
#[derive(Debug)]
pub struct Pattern {
    what: What,
    multiline: bool,
    budget: u64,
}

#[derive(Debug)]
enum What {
    Text(String),
    Regex(regex_lite::Regex),
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// Says what is wrong with it, or which limit it exceeds.
    pub fn new(asked: &Asked) -> Result<Self, String> {
        let Asked {
            pattern,
            literal,
            ignore_case,
            multiline,
        } = asked;
        if pattern.is_empty() || pattern.len() > MAX_PATTERN {
            return Err(format!(
                "expected 1 to {MAX_PATTERN} bytes, found {}",
                pattern.len()
            ));
        }
        let plain = *literal || regex_lite::escape(pattern) == *pattern;
        if plain && !ignore_case {
            return Ok(Self {
                what: What::Text(pattern.clone()),
                multiline: *multiline,
                budget: PLAIN,
            });
        }
        let escaped = regex_lite::escape(pattern);
        let written = if *literal { &escaped } else { pattern };
        let mut wrong = String::new();
        for (size, budget) in SIZES {
            let built = RegexBuilder::new(written)
                .case_insensitive(*ignore_case)
                .multi_line(*multiline)
                .dot_matches_new_line(*multiline)
                .size_limit(size)
                .nest_limit(MAX_NESTED)
                .build();
            match built {
                Ok(regex) if regex.captures_len() > MAX_GROUPS => {
                    return Err(format!("more than {MAX_GROUPS} groups"));
                }
                Ok(regex) => {
                    return Ok(Self {
                        what: What::Regex(regex),
                        multiline: *multiline,
                        budget,
                    });
                }
                Err(error) => wrong = error.to_string(),
            }
        }
        Err(wrong)
    }

    /// Returns how many bytes of texts may be compared with it.
    pub fn budget(&self) -> u64 {
        self.budget
    }

    /// Returns the matches in a text: the first and the last byte's line of each, counted
    /// from 0, and where in the first line it begins; without `multiline` one a line. Takes
    /// time in proportion to the text times the size of what the pattern became.
    pub fn matches(&self, text: &str) -> Vec<(usize, usize, usize)> {
        match self.multiline {
            false => {
                let lines = text.lines().enumerate();
                lines
                    .filter_map(|(n, line)| self.find(line).map(|(at, _)| (n, n, at)))
                    .collect()
            }
            true => self.over_lines(text),
        }
    }

    fn find(&self, text: &str) -> Option<(usize, usize)> {
        match &self.what {
            What::Text(wanted) => text.find(wanted).map(|at| (at, at + wanted.len())),
            What::Regex(regex) => regex.find(text).map(|found| (found.start(), found.end())),
        }
    }

    fn over_lines(&self, text: &str) -> Vec<(usize, usize, usize)> {
        let spans: Vec<(usize, usize)> = match &self.what {
            What::Text(wanted) => {
                let found = text.match_indices(wanted.as_str());
                found.map(|(at, found)| (at, at + found.len())).collect()
            }
            What::Regex(regex) => {
                let found = regex.find_iter(text);
                found.map(|found| (found.start(), found.end())).collect()
            }
        };
        let lines = super::Lines::of(text);
        let span = |(start, end): (usize, usize)| {
            let first = lines.at(start);
            let last = lines.at(end.saturating_sub(1).max(start));
            (first, last, start - lines.start(first))
        };
        spans.into_iter().map(span).collect()
    }
}

/// Returns what is in a file as text; `None` where it is none: a NUL among the first 8,000
/// bytes, or no UTF-8.
pub fn as_text(bytes: &[u8]) -> Option<&str> {
    let probe = bytes.get(..BINARY_PROBE).unwrap_or(bytes);
    match probe.contains(&0) {
        true => None,
        false => std::str::from_utf8(bytes).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(pattern: &str) -> Asked {
        Asked {
            pattern: pattern.into(),
            ..Asked::default()
        }
    }

    fn matches(asked: &Asked, text: &str) -> Vec<(usize, usize, usize)> {
        Pattern::new(asked).unwrap().matches(text)
    }

    #[test]
    fn lines_are_compared_one_by_one_or_together() {
        assert_eq!(
            matches(&pattern("b+"), "abb\nx\nb\n"),
            [(0, 0, 1), (2, 2, 0)]
        );
        assert_eq!(matches(&pattern("a.b"), "a\nb"), []);
        let multiline = Asked {
            multiline: true,
            ..pattern("a.b")
        };
        assert_eq!(matches(&multiline, "x\na\nb\n"), [(1, 2, 0)]);
        let literal = Asked {
            literal: true,
            ignore_case: true,
            ..pattern("A.")
        };
        assert_eq!(matches(&literal, "ab\na.\n"), [(1, 1, 0)]);
    }

    #[test]
    fn what_would_take_too_long_is_no_pattern() {
        for bad in [
            "",
            "(",
            "(?:a{100}){100}",
            &"x".repeat(1_001),
            &"(a)".repeat(17),
        ] {
            assert!(Pattern::new(&pattern(bad)).is_err(), "{bad}");
        }
        let cheap = Pattern::new(&pattern("a+")).unwrap().budget();
        let dear = Pattern::new(&pattern("(?:a|b){60}c")).unwrap().budget();
        assert!(cheap > dear, "{cheap} {dear}");
    }
}
