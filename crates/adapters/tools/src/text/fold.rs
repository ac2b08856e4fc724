//! Texts compared in spite of what does not show.

use std::ops::Range;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;

use super::visible::alike;

/// What two texts may differ in and still be alike; each is also alike in what those before
/// it are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lens {
    /// Line ends: `\r\n` and `\n`.
    LineEnds,
    /// Spaces and tabs at the ends of lines.
    TrailingBlanks,
    /// Characters that look the same: by Unicode's form KC, quotes, dashes, spaces, and those
    /// that are not seen.
    Characters,
    /// Spaces and tabs: how many and which, and all of them where a line begins.
    Blanks,
}

impl Lens {
    /// From the one that overlooks the least.
    pub const ALL: [Self; 4] = [
        Self::LineEnds,
        Self::TrailingBlanks,
        Self::Characters,
        Self::Blanks,
    ];

    /// Returns its stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::LineEnds => "line_ends",
            Self::TrailingBlanks => "trailing_blanks",
            Self::Characters => "characters",
            Self::Blanks => "blanks",
        }
    }

    /// Says what differs.
    pub fn told(self) -> &'static str {
        match self {
            Self::LineEnds => "line ends (CRLF or LF)",
            Self::TrailingBlanks => "spaces or tabs at ends of lines",
            Self::Characters => "characters that look alike (Unicode)",
            Self::Blanks => "spaces and tabs",
        }
    }
}

/// A text without what a lens overlooks, and where its bytes came from.
pub(super) struct Folded {
    pub(super) text: String,
    /// Of each byte, the bytes that it came from.
    from: Vec<(u32, u32)>,
}

impl Folded {
    /// Folds a text of less than 4 GiB, in time in proportion to it.
    pub(super) fn of(text: &str, lens: Lens) -> Self {
        let mut folded = Self {
            text: String::with_capacity(text.len()),
            from: Vec::with_capacity(text.len()),
        };
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            folded.line(line, at, lens);
            at += line.len();
        }
        folded
    }

    fn line(&mut self, line: &str, at: usize, lens: Lens) {
        let body = line.strip_suffix('\n').unwrap_or(line);
        let ended = body.len() < line.len();
        let body = match ended {
            true => body.strip_suffix('\r').unwrap_or(body),
            false => body,
        };
        let end = body.len();
        let blank = |char: char| is_blank(char, lens);
        let body = match lens >= Lens::TrailingBlanks {
            true => body.trim_end_matches(blank),
            false => body,
        };
        let mut skipped = 0;
        if lens == Lens::Blanks {
            skipped = body.len() - body.trim_start_matches(blank).len();
        }
        let rest = body.get(skipped..).unwrap_or_default();
        match lens {
            Lens::LineEnds | Lens::TrailingBlanks => {
                for (offset, char) in rest.char_indices() {
                    self.push(char, at + skipped + offset, char.len_utf8());
                }
            }
            Lens::Characters | Lens::Blanks => self.characters(rest, at + skipped, lens),
        }
        if ended {
            self.push('\n', at + end, line.len() - end);
        }
    }

    fn characters(&mut self, text: &str, at: usize, lens: Lens) {
        let mut in_blank = false;
        for cluster in clusters(text) {
            let source = text.get(cluster.clone()).unwrap_or_default();
            let (from, length) = (at + cluster.start, cluster.len());
            for char in source.chars().filter_map(alike).nfkc().filter_map(alike) {
                let is_blank = lens == Lens::Blanks && matches!(char, ' ' | '\t');
                match (is_blank, in_blank) {
                    (true, true) => {
                        if let Some((_, end)) = self.from.last_mut() {
                            *end = (from + length) as u32;
                        }
                    }
                    (true, false) => self.push(' ', from, length),
                    (false, _) => self.push(char, from, length),
                }
                in_blank = is_blank;
            }
        }
    }

    fn push(&mut self, char: char, from: usize, length: usize) {
        self.text.push(char);
        let source = (from as u32, (from + length) as u32);
        (self.from).resize(self.text.len(), source);
    }

    /// Returns where in the text that was folded a part of this one is; `None` where it is no
    /// whole characters there.
    pub(super) fn source(&self, part: Range<usize>) -> Option<Range<usize>> {
        let last = part.end.checked_sub(1)?;
        let (start, end) = (self.from.get(part.start)?, self.from.get(last)?);
        let cut_before = part.start > 0 && self.from.get(part.start - 1) == Some(start);
        let cut_after = self.from.get(part.end) == Some(end);
        match cut_before || cut_after {
            true => None,
            false => Some(start.0 as usize..end.1 as usize),
        }
    }
}

pub(super) fn is_blank(char: char, lens: Lens) -> bool {
    match lens >= Lens::Characters {
        true => char == '\t' || alike(char) == Some(' '),
        false => matches!(char, ' ' | '\t'),
    }
}

/// Returns what is composed as one: a character with the marks that combine with it, and the
/// letters of a syllable in Hangul.
fn clusters(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut chars = text.char_indices().peekable();
    std::iter::from_fn(move || {
        let (start, first) = chars.next()?;
        let mut end = start + first.len_utf8();
        while let Some((at, next)) = chars.peek().copied()
            && (canonical_combining_class(next) != 0 || ('\u{1160}'..='\u{11ff}').contains(&next))
        {
            end = at + next.len_utf8();
            chars.next();
        }
        Some(start..end)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, part: &str, lens: Lens) -> Option<String> {
        let (text_folded, part) = (Folded::of(text, lens), Folded::of(part, lens));
        let at = text_folded.text.find(&part.text)?;
        let range = text_folded.source(at..at + part.text.len())?;
        Some(text[range].to_owned())
    }

    #[test]
    fn a_part_is_found_in_spite_of_what_a_lens_overlooks() {
        for (text, part, lens, expected) in [
            ("a\r\nb\r\n", "a\nb", Lens::LineEnds, "a\r\nb"),
            ("a\r\nb\r\n", "a\nb\n", Lens::LineEnds, "a\r\nb\r\n"),
            ("x  \ny\t", "x\ny", Lens::TrailingBlanks, "x  \ny"),
            ("“é” – x", "\"e\u{301}\" - x", Lens::Characters, "“é” – x"),
            ("a\u{200b}b", "ab", Lens::Characters, "a\u{200b}b"),
            (
                "\tif  x {\n\t\ty",
                "if x {\n    y",
                Lens::Blanks,
                "if  x {\n\t\ty",
            ),
        ] {
            assert_eq!(
                found(text, part, lens).as_deref(),
                Some(expected),
                "{text:?}"
            );
            let less = Lens::ALL.into_iter().filter(|less| *less < lens);
            for less in less {
                assert_eq!(found(text, part, less), None, "{text:?} {less:?}");
            }
        }
        assert_eq!(found("ﬁ", "f", Lens::Characters), None);
    }
}
