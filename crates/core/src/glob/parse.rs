//! The text of a glob as segments and tokens, within limits.

use crate::path::MAX_PATH;

/// The most segments of a glob, an implied `**` included.
const MAX_SEGMENTS: usize = 64;
/// The most `**` among them.
const MAX_ANY: usize = 16;
/// The most positions: see [`Segment::positions`].
const MAX_POSITIONS: usize = 127;
/// The most characters and ranges in all sets of a glob.
const MAX_RANGES: usize = 256;

/// A segment, as it was written and as what it means.
#[derive(Clone)]
pub(super) struct Segment {
    pub(super) written: Box<str>,
    pub(super) kind: Kind,
}

#[derive(Clone)]
pub(super) enum Kind {
    /// `**`
    Any,
    /// Without wildcards: a name.
    Name(Box<str>),
    /// With wildcards; no `*` follows another.
    Pattern(Vec<Token>),
}

#[derive(Clone)]
pub(super) enum Token {
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

impl Segment {
    pub(super) fn any() -> Self {
        Self {
            written: "**".into(),
            kind: Kind::Any,
        }
    }

    pub(super) fn is_any(&self) -> bool {
        matches!(self.kind, Kind::Any)
    }

    /// Returns how many positions it takes in the automaton: one for a `**` or a
    /// name, one more than it has tokens for a pattern.
    pub(super) fn positions(&self) -> usize {
        match &self.kind {
            Kind::Any | Kind::Name(_) => 1,
            Kind::Pattern(tokens) => tokens.len() + 1,
        }
    }

    fn ranges(&self) -> usize {
        let Kind::Pattern(tokens) = &self.kind else {
            return 0;
        };
        let ranges = tokens.iter().map(|token| match token {
            Token::Set { ranges, .. } => ranges.len(),
            _ => 0,
        });
        ranges.sum()
    }
}

impl Token {
    pub(super) fn takes(&self, c: char) -> bool {
        match self {
            Self::Char(expected) => c == *expected,
            Self::One => true,
            Self::Many => false,
            Self::Set { negated, ranges } => {
                ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *negated
            }
        }
    }
}

/// Parses a glob; several `**` in a row are one.
pub(super) fn parse(text: &str) -> Result<Vec<Segment>, String> {
    if text.is_empty() {
        return Err("empty pattern".into());
    }
    if text.len() > MAX_PATH {
        return Err(format!("longer than {MAX_PATH} bytes"));
    }
    let relative = text.strip_prefix('/').unwrap_or(text);
    // A slash at the end says nothing: what matches, matches with everything below.
    let relative = match relative.strip_suffix('/') {
        Some("") => return Err("empty segment".into()),
        Some(directory) => directory,
        None => relative,
    };
    let mut segments = Vec::new();
    if !text.starts_with('/') && !relative.contains('/') && relative != "**" {
        segments.push(Segment::any());
    }
    // `/` alone is the root, with everything below.
    for written in relative.split('/').filter(|_| !relative.is_empty()) {
        let segment = match written {
            "" => return Err("empty segment".into()),
            "." | ".." => return Err(format!("`{written}` segment")),
            "**" if segments.last().is_some_and(Segment::is_any) => continue,
            "**" => Segment::any(),
            _ => Segment {
                written: written.into(),
                kind: parse_segment(written)?,
            },
        };
        segments.push(segment);
    }
    check_limits(&segments)?;
    Ok(segments)
}

fn check_limits(segments: &[Segment]) -> Result<(), String> {
    // As it is written where it is anchored: see `Glob::below`.
    let anchored = segments.iter().map(|segment| segment.written.len() + 1);
    if anchored.sum::<usize>() > MAX_PATH {
        return Err(format!("longer than {MAX_PATH} bytes"));
    }
    let any = segments.iter().filter(|segment| segment.is_any());
    for (count, limit, what) in [
        (segments.len(), MAX_SEGMENTS, "segments"),
        (any.count(), MAX_ANY, "`**`"),
        (
            segments.iter().map(Segment::positions).sum(),
            MAX_POSITIONS,
            "positions: one for a segment without wildcards, for others one more than they have characters and sets",
        ),
        (
            segments.iter().map(Segment::ranges).sum(),
            MAX_RANGES,
            "characters and ranges in sets",
        ),
    ] {
        if count > limit {
            return Err(format!("more than {limit} {what}"));
        }
    }
    Ok(())
}

fn parse_segment(segment: &str) -> Result<Kind, String> {
    let mut tokens = Vec::new();
    let mut chars = segment.chars().peekable();
    while let Some(c) = chars.next() {
        tokens.push(match c {
            '\0' => return Err("NUL byte".into()),
            '?' => Token::One,
            '*' => {
                if matches!(tokens.last(), Some(Token::Many)) {
                    return Err("`**` stands for whole segments only".into());
                }
                Token::Many
            }
            '\\' => Token::Char(chars.next().ok_or("`\\` at the end of a segment")?),
            '[' => {
                let negated = chars.next_if(|c| matches!(c, '!' | '^')).is_some();
                let mut ranges = Vec::new();
                loop {
                    if !ranges.is_empty() && chars.next_if_eq(&']').is_some() {
                        break;
                    }
                    let low = set_character(&mut chars)?;
                    let mut high = low;
                    let mut ahead = chars.clone();
                    if ahead.next() == Some('-') && ahead.next().is_some_and(|c| c != ']') {
                        chars.next();
                        high = set_character(&mut chars)?;
                    }
                    ranges.push((low, high));
                }
                Token::Set { negated, ranges }
            }
            c => Token::Char(c),
        });
    }
    let name = tokens.iter().map(|token| match token {
        Token::Char(c) => Some(*c),
        _ => None,
    });
    Ok(match name.collect::<Option<String>>() {
        Some(name) => Kind::Name(name.into()),
        None => Kind::Pattern(tokens),
    })
}

/// Reads a character of a set, which a `\` before it takes as it is.
fn set_character(chars: &mut impl Iterator<Item = char>) -> Result<char, &'static str> {
    let c = match chars.next() {
        Some('\\') => chars.next(),
        c => c,
    };
    c.ok_or("`[` without `]`")
}
