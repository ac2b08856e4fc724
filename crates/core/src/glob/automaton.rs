//! A glob as an automaton whose positions are bits of one word.
//!
//! Each segment has a run of bits, one after the other: `**` and a name have one,
//! a pattern has one before each of its tokens and one after the last. The last
//! bit of all is the end. So a position is left for the next by a shift, within a
//! segment as well as between two, and what a path does to all positions at once
//! is a few operations for each of its names, and for each character of those
//! names where a pattern may begin (Baeza-Yates and Gonnet, "A new approach to
//! text searching", 1992, with `*` as a bit that stays).
//!
//! A match takes at most two steps for each name of the path, the second to look it
//! up where a segment that is a name may come next, and one for each of their
//! characters: under 10,000 for any path, whatever the glob.

use std::collections::HashMap;

use super::parse::{Kind, Segment, Token};

pub(super) struct Automaton {
    /// The first bit of each segment, then the end.
    starts: Vec<u32>,
    /// The bits of `**`.
    any: u128,
    /// The bits before `*`.
    many: u128,
    /// The first bits of patterns.
    patterns: u128,
    /// Their last bits.
    matched: u128,
    /// The bits of the segments that are names.
    named: u128,
    /// The same by name.
    names: HashMap<Box<str>, u128>,
    /// What each character takes, where there are patterns.
    takes: Option<Box<Takes>>,
}

/// The bits before a token that takes a character.
struct Takes {
    ascii: [u128; 128],
    /// Each from this character on, to the next one; in order.
    others: Vec<(char, u128)>,
}

/// How far a glob has come along a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Whether the path, or a directory above it, matches.
    pub(crate) matched: bool,
    /// The positions after the path.
    live: u128,
}

impl Progress {
    /// Tells whether what is below could match.
    pub(crate) fn may_match_below(self) -> bool {
        self.matched || self.live != 0
    }
}

impl Automaton {
    /// Takes segments within the limits of [`parse`](super::parse::parse).
    pub(super) fn new(segments: &[Segment]) -> Self {
        let mut automaton = Self {
            starts: Vec::with_capacity(segments.len() + 1),
            any: 0,
            many: 0,
            patterns: 0,
            matched: 0,
            named: 0,
            names: HashMap::new(),
            takes: None,
        };
        let mut tokens = Vec::new();
        let mut at = 0;
        for segment in segments {
            let bit = 1_u128 << at;
            automaton.starts.push(at);
            match &segment.kind {
                Kind::Any => automaton.any |= bit,
                Kind::Name(name) => {
                    automaton.named |= bit;
                    *automaton.names.entry(name.clone()).or_default() |= bit;
                }
                Kind::Pattern(pattern) => {
                    automaton.patterns |= bit;
                    automaton.matched |= bit << pattern.len();
                    for (token, bit) in pattern.iter().zip((at..).map(|at| 1_u128 << at)) {
                        match token {
                            Token::Many => automaton.many |= bit,
                            token => tokens.push((token, bit)),
                        }
                    }
                }
            }
            at += segment.positions() as u32;
        }
        automaton.starts.push(at);
        if automaton.patterns != 0 {
            automaton.takes = Some(Box::new(Takes::new(&tokens)));
        }
        automaton
    }

    /// Tells whether `progress` is at the start of segment `at`.
    pub(super) fn is_at(&self, progress: Progress, at: usize) -> bool {
        progress.live & (1 << self.starts[at]) != 0
    }

    /// Returns where it is at the root.
    pub(super) fn start(&self) -> Progress {
        self.reached(1)
    }

    /// Returns where it is one name further.
    pub(super) fn step(&self, from: Progress, name: &str) -> Progress {
        // Whatever is below a match, matches; where nothing is live, nothing will.
        if from.matched || from.live == 0 {
            return from;
        }
        count_step();
        let mut passed = 0;
        if from.live & self.named != 0 {
            count_step();
            passed = from.live & self.names.get(name).copied().unwrap_or_default();
        }
        if let Some(takes) = self
            .takes
            .as_ref()
            .filter(|_| from.live & self.patterns != 0)
        {
            passed |= self.within(takes, from.live & self.patterns, name) & self.matched;
        }
        self.reached((passed << 1) | (from.live & self.any))
    }

    /// Returns the bits within patterns that `name` leads to.
    fn within(&self, takes: &Takes, starts: u128, name: &str) -> u128 {
        let mut live = starts | ((starts & self.many) << 1);
        for c in name.chars() {
            count_step();
            live = ((live & takes.bits(c)) << 1) | (live & self.many);
            live |= (live & self.many) << 1;
        }
        live
    }

    /// `**` also stands for no segment at all; no two follow each other.
    fn reached(&self, live: u128) -> Progress {
        let live = live | ((live & self.any) << 1);
        let end = self.starts.last().copied().unwrap_or_default();
        Progress {
            matched: live & (1 << end) != 0,
            live,
        }
    }
}

impl Takes {
    fn new(tokens: &[(&Token, u128)]) -> Self {
        let bits = |c: char| {
            let taking = tokens.iter().filter(|(token, _)| token.takes(c));
            taking.fold(0, |bits, (_, bit)| bits | bit)
        };
        let mut starts = vec!['\u{80}'];
        for (token, _) in tokens {
            let char_range;
            let ranges = match token {
                Token::Char(c) => {
                    char_range = [(*c, *c)];
                    &char_range[..]
                }
                Token::Set { ranges, .. } => ranges,
                Token::One | Token::Many => &[],
            };
            for (low, high) in ranges {
                let ends = [Some(*low), after(*high)].into_iter().flatten();
                starts.extend(ends.filter(|c| !c.is_ascii()));
            }
        }
        starts.sort_unstable();
        starts.dedup();
        Self {
            ascii: std::array::from_fn(|c| bits(c as u8 as char)),
            others: starts.into_iter().map(|c| (c, bits(c))).collect(),
        }
    }

    fn bits(&self, c: char) -> u128 {
        match self.ascii.get(c as usize) {
            Some(bits) => *bits,
            None => {
                let after = self.others.partition_point(|(start, _)| *start <= c);
                self.others[..after].last().map_or(0, |(_, bits)| *bits)
            }
        }
    }
}

/// Returns the character after `c`, if there is one.
fn after(c: char) -> Option<char> {
    match c {
        '\u{d7ff}' => Some('\u{e000}'),
        c => char::from_u32(c as u32 + 1),
    }
}

#[cfg(test)]
thread_local! {
    static STEPS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// Returns how many steps `body` takes: names, names looked up, and characters.
#[cfg(test)]
pub(crate) fn steps<T>(body: impl FnOnce() -> T) -> (u64, T) {
    let before = STEPS.get();
    let done = body();
    (STEPS.get() - before, done)
}

#[cfg(test)]
fn count_step() {
    STEPS.set(STEPS.get() + 1);
}

#[cfg(not(test))]
fn count_step() {}
