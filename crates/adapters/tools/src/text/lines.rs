//! The lines of a text.

use std::ops::Range;

/// The lines of a text, each with its end: `\n`, with a `\r` before it or without.
#[derive(Debug)]
pub struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    /// Finds the lines of a text.
    pub fn of(text: &'a str) -> Self {
        let mut starts = Vec::new();
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            starts.push(at);
            at += line.len();
        }
        Self { text, starts }
    }

    /// Returns how many there are: a text that ends with a line end has no line after it.
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// Tells whether there is none.
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// Returns where a line begins, counted from 0; the end of the text for those behind it.
    pub fn start(&self, line: usize) -> usize {
        self.starts.get(line).copied().unwrap_or(self.text.len())
    }

    /// Returns the bytes of lines, their ends included.
    pub fn range(&self, lines: Range<usize>) -> Range<usize> {
        let start = self.start(lines.start);
        start..self.start(lines.end).max(start)
    }

    /// Returns a line with its end.
    pub fn whole(&self, line: usize) -> &'a str {
        self.text
            .get(self.range(line..line + 1))
            .unwrap_or_default()
    }

    /// Returns a line without its end.
    pub fn get(&self, line: usize) -> &'a str {
        let whole = self.whole(line);
        let line = whole.strip_suffix('\n').unwrap_or(whole);
        line.strip_suffix('\r').unwrap_or(line)
    }

    /// Returns the line, counted from 0, that has the byte `at`.
    pub fn at(&self, at: usize) -> usize {
        let after = self.starts.partition_point(|start| *start <= at);
        after.saturating_sub(1)
    }
}

/// Returns the line, counted from 1, that has the byte `at` of a text.
pub fn line_of(text: &str, at: usize) -> usize {
    let before = text.as_bytes().get(..at).unwrap_or_default();
    1 + before.iter().filter(|byte| **byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_as_editors_count_them() {
        for (text, lines) in [("", 0), ("a", 1), ("a\n", 1), ("a\n\n", 2), ("a\r\nb", 2)] {
            assert_eq!(Lines::of(text).len(), lines, "{text:?}");
        }
        let lines = Lines::of("one\r\ntwo\n\nfour");
        assert_eq!((lines.get(0), lines.whole(0)), ("one", "one\r\n"));
        assert_eq!((lines.get(2), lines.get(3), lines.get(4)), ("", "four", ""));
        assert_eq!((lines.at(0), lines.at(5), lines.at(99)), (0, 1, 3));
        assert_eq!(line_of("one\r\ntwo\n\nfour", 10), 4);
    }
}
