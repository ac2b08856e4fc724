//! An edit carried over to the text that is there instead of the one that was meant.

use std::collections::HashMap;
use std::ops::Range;

use similar::{Algorithm, DiffOp, capture_diff_slices};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;

use super::fold::{Folded, Lens};
use super::lines::Lines;
use super::visible::alike;

/// Texts of more tokens are not carried over: comparing them takes the product of their
/// number and of how many differ.
const MAX_TOKENS: usize = 6_000;
/// So many of the tokens of the text that was meant must be in the one that is there.
const MUST_ALIGN: f64 = 0.5;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// `\n` or `\r\n`.
    End,
    /// Spaces and tabs where a line begins.
    Indent,
    /// Those elsewhere.
    Blank,
    /// Letters and digits.
    Word,
    /// One character of any other kind.
    Other,
}

#[derive(Debug, Clone)]
struct Token<'a> {
    text: &'a str,
    kind: Kind,
    /// Whether it can come and go without a difference: at the end of a line, or not seen.
    silent: bool,
    /// What it is compared by.
    key: String,
}

/// Returns `there` with the edit made to it that turns `old` into `new`: what the edit leaves
/// stays as it is there, what it brings gets the line ends and the indentation of what is
/// there. `None` where the edit changes what is not there as it was, where it cannot be said
/// where something goes, or for more than 6,000 words and marks.
pub fn carry(old: &str, there: &str, new: &str) -> Option<String> {
    let known = Known::of(old, there);
    let (old, there, new) = (tokens(old), tokens(there), tokens(new));
    if [&old, &there, &new]
        .iter()
        .any(|tokens| tokens.len() > MAX_TOKENS)
    {
        return None;
    }
    let stands = align(&old, &there);
    let heard = old
        .iter()
        .filter(|token| !token.silent && token.kind != Kind::Indent);
    let heard = heard.count();
    let aligned = old.iter().zip(&stands);
    let aligned =
        aligned.filter(|(token, at)| at.is_some() && !token.silent && token.kind != Kind::Indent);
    if (aligned.count() as f64) < heard as f64 * MUST_ALIGN {
        return None;
    }
    let style = Style::of(&old, &there, &stands, &known);
    let texts = |tokens: &[Token<'_>]| -> Vec<String> {
        tokens
            .iter()
            .map(|token| token.text.replace("\r\n", "\n"))
            .collect()
    };
    let mut out = String::new();
    let mut from = 0;
    for op in capture_diff_slices(Algorithm::Myers, &texts(&old), &texts(&new)) {
        if let DiffOp::Equal { .. } = op {
            continue;
        }
        let (changed, brought) = slid(&old, &new, op.old_range(), op.new_range());
        let brought = new.get(brought)?;
        if !known.has(&old, changed.clone()) {
            return None;
        }
        let span = span(&old, &there, &stands, changed, brought)?;
        if span.start < from {
            return None;
        }
        let kept = there.get(from..span.start)?;
        kept.iter().for_each(|token| out.push_str(token.text));
        // Before the indentation that is there and was not in the text that was meant.
        let kind = |at: Option<usize>| at.and_then(|at| there.get(at)).map(|token| token.kind);
        let begins = matches!(kind(span.start.checked_sub(1)), None | Some(Kind::End));
        let begins = begins && span.is_empty() && kind(Some(span.start)) == Some(Kind::Indent);
        style.push(&mut out, brought, begins);
        from = span.end;
    }
    there
        .get(from..)?
        .iter()
        .for_each(|token| out.push_str(token.text));
    Some(out)
}

/// Moves what only came or only went up to the beginning of a line, where that says the same.
fn slid(
    old: &[Token<'_>],
    new: &[Token<'_>],
    mut changed: Range<usize>,
    mut brought: Range<usize>,
) -> (Range<usize>, Range<usize>) {
    let (tokens, block) = match (changed.is_empty(), brought.is_empty()) {
        (false, true) => (old, changed.clone()),
        (true, false) => (new, brought.clone()),
        _ => return (changed, brought),
    };
    let text = |at: usize| tokens.get(at).map(|token| token.text);
    let ends = |at: usize| tokens.get(at).is_some_and(|token| token.kind == Kind::End);
    let mut by = 0;
    while block.start > by && text(block.start - by - 1) == text(block.end - by - 1) {
        if ends(block.start - by - 1) {
            break;
        }
        by += 1;
    }
    let begins = block.start == by || ends(block.start - by - 1);
    if begins && by <= changed.start && by <= brought.start {
        changed = changed.start - by..changed.end - by;
        brought = brought.start - by..brought.end - by;
    }
    (changed, brought)
}

/// Which lines of the text that was meant are there as often as in it, but for what a lens
/// overlooks: of others nobody can say which is which.
struct Known(Vec<bool>);

impl Known {
    fn of(old: &str, there: &str) -> Self {
        let keys = |text: &str| -> Vec<String> {
            let lines = Lines::of(text);
            let key = |line| Folded::of(lines.get(line), Lens::Blanks).text;
            (0..lines.len()).map(key).collect()
        };
        let (old, there) = (keys(old), keys(there));
        let mut counts: HashMap<&str, (u32, u32)> = HashMap::new();
        for key in &old {
            counts.entry(key).or_default().0 += 1;
        }
        for key in &there {
            counts.entry(key).or_default().1 += 1;
        }
        let same = |key: &String| {
            counts
                .get(key.as_str())
                .is_some_and(|(one, other)| one == other)
        };
        Self(old.iter().map(same).collect())
    }

    /// Tells whether the lines of a changed part are, and those on both sides of where
    /// something comes between two tokens.
    fn has(&self, old: &[Token<'_>], changed: Range<usize>) -> bool {
        let ends = |range: &[Token<'_>]| range.iter().filter(|it| it.kind == Kind::End).count();
        let line = |at: usize| ends(old.get(..at).unwrap_or_default());
        let (first, last) = match changed.is_empty() {
            true => (changed.start.saturating_sub(1), changed.end),
            false => (changed.start, changed.end - 1),
        };
        let last = last.min(old.len().saturating_sub(1));
        (line(first)..=line(last)).all(|line| self.0.get(line).copied().unwrap_or(false))
    }
}

/// Returns which tokens that are there a changed part stands for.
fn span(
    old: &[Token<'_>],
    there: &[Token<'_>],
    stands: &[Option<usize>],
    changed: Range<usize>,
    brought: &[Token<'_>],
) -> Option<Range<usize>> {
    let silent = |range: Range<usize>| {
        there
            .get(range)
            .is_some_and(|tokens| tokens.iter().all(|token| token.silent))
    };
    let loud = |at: &usize| old.get(*at).is_some_and(|token| !token.silent);
    let within: Vec<usize> = changed.clone().filter(loud).collect();
    let stand = |at: usize| stands.get(at).copied().flatten();
    if let (Some(first), Some(last)) = (within.first(), within.last()) {
        let found: Vec<usize> = within.iter().map(|at| stand(*at)).collect::<Option<_>>()?;
        // Nothing else came in between.
        let pairs = found.windows(2);
        let whole = pairs.into_iter().all(|pair| silent(pair[0] + 1..pair[1]));
        return whole.then_some(stand(*first)?..stand(*last)? + 1);
    }
    let before = (0..changed.start).rev().find(loud);
    let after = (changed.end..old.len()).find(loud);
    // Whole lines go before the indentation of the line that they come before.
    let lines = brought.last().is_some_and(|token| token.kind == Kind::End);
    let quiet = |range: Range<usize>| {
        let indents = |token: &Token<'_>| token.silent || token.kind == Kind::Indent;
        there
            .get(range)
            .is_some_and(|tokens| tokens.iter().all(indents))
    };
    let at = match (before, after) {
        (None, None) => 0,
        (Some(before), None) => stand(before)? + 1,
        (None, Some(after)) => match stand(after)? {
            after if lines && quiet(0..after) => 0,
            after => after,
        },
        (Some(before), Some(after)) => {
            let (before, after) = (stand(before)? + 1, stand(after)?);
            if before > after || !quiet(before..after) {
                return None;
            }
            match silent(before..after) || lines {
                true => before,
                false => after,
            }
        }
    };
    Some(at..at)
}

/// Returns which token that is there each of the old ones is.
fn align(old: &[Token<'_>], there: &[Token<'_>]) -> Vec<Option<usize>> {
    let loud = |tokens: &[Token<'_>]| -> Vec<usize> {
        let numbered = tokens.iter().enumerate();
        numbered
            .filter(|(_, token)| !token.silent)
            .map(|(at, _)| at)
            .collect()
    };
    let (left, right) = (loud(old), loud(there));
    let keys = |tokens: &[Token<'_>], at: &[usize]| -> Vec<String> {
        at.iter()
            .filter_map(|at| tokens.get(*at))
            .map(|token| token.key.clone())
            .collect()
    };
    let mut stands = vec![None; old.len()];
    for op in capture_diff_slices(Algorithm::Myers, &keys(old, &left), &keys(there, &right)) {
        if let DiffOp::Equal { .. } = op {
            for (one, other) in op.old_range().zip(op.new_range()) {
                if let (Some(one), Some(other)) = (left.get(one), right.get(other)) {
                    stands[*one] = Some(*other);
                }
            }
        }
    }
    stands
}

/// How what an edit brings is written where it goes.
struct Style {
    end: Option<&'static str>,
    /// The indentation that is there for that of a line of the old text.
    indents: HashMap<String, String>,
    /// What is there before that of each line of the old text.
    before: Option<String>,
    /// How wide one is, in characters of the old text, that is one of those there.
    unit: Option<(usize, char, usize)>,
}

impl Style {
    fn of(old: &[Token<'_>], there: &[Token<'_>], stands: &[Option<usize>], known: &Known) -> Self {
        let ends = || there.iter().filter(|token| token.kind == Kind::End);
        let crlf = ends().filter(|token| token.text.len() == 2).count();
        let end = match ends().count() {
            0 => None,
            all if crlf * 2 > all => Some("\r\n"),
            _ => Some("\n"),
        };
        let mut pairs: Vec<(&str, &str)> = Vec::new();
        for (at, token) in old.iter().enumerate() {
            let Some(Some(stand)) = stands.get(at) else {
                continue;
            };
            if matches!(token.kind, Kind::Indent | Kind::End) {
                continue;
            }
            if indent_of(old, at).is_none() || !known.has(old, at..at + 1) {
                continue;
            }
            if let (Some(one), Some(other)) = (indent_of(old, at), indent_of(there, *stand)) {
                pairs.push((one, other));
            }
        }
        let mut indents: HashMap<String, String> = HashMap::new();
        for (one, other) in &pairs {
            indents
                .entry((*one).into())
                .or_insert_with(|| (*other).into());
        }
        let before = pairs
            .first()
            .and_then(|(one, other)| other.strip_suffix(one));
        let before = before.filter(|before| {
            let mut all = pairs.iter();
            all.all(|(one, other)| other.strip_suffix(one) == Some(before))
        });
        let unit = pairs.iter().find_map(|(one, other)| {
            let char = other.chars().next()?;
            let plain = !one.is_empty() && other.chars().all(|it| it == char);
            let first = one.chars().next()?;
            (plain && one.chars().all(|it| it == first)).then_some((one.len(), char, other.len()))
        });
        Self {
            end,
            indents,
            before: before.map(Into::into),
            unit,
        }
    }

    /// Returns the indentation that is written for one.
    fn indent(&self, one: &str) -> String {
        if let Some(known) = self.indents.get(one) {
            return known.clone();
        }
        if let Some(before) = &self.before {
            return format!("{before}{one}");
        }
        match self.unit {
            Some((width, char, many)) if (one.len() * many).is_multiple_of(width) => {
                char.to_string().repeat(one.len() * many / width)
            }
            Some((width, char, many)) => {
                let whole = char.to_string().repeat(one.len() * many / width);
                whole + &" ".repeat(one.len() * many % width)
            }
            None => one.into(),
        }
    }

    fn push(&self, out: &mut String, tokens: &[Token<'_>], mut begins: bool) {
        for token in tokens {
            match token.kind {
                Kind::End => out.push_str(self.end.unwrap_or(token.text)),
                Kind::Indent => out.push_str(&self.indent(token.text)),
                _ => {
                    if begins {
                        out.push_str(&self.indent(""));
                    }
                    out.push_str(token.text);
                }
            }
            begins = token.kind == Kind::End;
        }
    }
}

/// Returns the indentation of the line that the token `at` is the first of.
fn indent_of<'a>(tokens: &[Token<'a>], at: usize) -> Option<&'a str> {
    let before = at.checked_sub(1).and_then(|before| tokens.get(before));
    match before {
        None => Some(""),
        Some(token) if token.kind == Kind::End => Some(""),
        Some(token) if token.kind == Kind::Indent => Some(token.text),
        Some(_) => None,
    }
}

fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens: Vec<Token<'_>> = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let begins = tokens.last().is_none_or(|token| token.kind == Kind::End);
        let (kind, length) = if rest.starts_with("\r\n") {
            (Kind::End, 2)
        } else if first == '\n' {
            (Kind::End, 1)
        } else if is_blank(first) {
            let length = rest.len() - rest.trim_start_matches(is_blank).len();
            (if begins { Kind::Indent } else { Kind::Blank }, length)
        } else if is_word(first) {
            let length = rest.len() - rest.trim_start_matches(is_word).len();
            (Kind::Word, length)
        } else {
            (Kind::Other, first.len_utf8())
        };
        let (text, after) = rest.split_at(length);
        rest = after;
        let last_of_line = rest.is_empty() || rest.starts_with('\n') || rest.starts_with("\r\n");
        let key = match kind {
            Kind::End => "\n".into(),
            Kind::Indent => "\t".into(),
            Kind::Blank => " ".into(),
            Kind::Word | Kind::Other => text.chars().filter_map(alike).nfkc().collect::<String>(),
        };
        tokens.push(Token {
            text,
            kind,
            silent: key.is_empty()
                || matches!(kind, Kind::Blank | Kind::Indent) && last_of_line && !rest.is_empty(),
            key,
        });
    }
    tokens
}

fn is_blank(char: char) -> bool {
    char == '\t' || alike(char) == Some(' ')
}

fn is_word(char: char) -> bool {
    char.is_alphanumeric() || char == '_' || canonical_combining_class(char) != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_keeps_what_is_there_and_brings_what_is_new() {
        for (old, there, new, expected) in [
            ("a\nb\n", "a\r\nb\r\n", "a\nx\nb\n", "a\r\nx\r\nb\r\n"),
            (
                "if a {\n    b();\n}",
                "if a {\n\tb();\n}",
                "if a {\n    b();\n    c();\n        d();\n}",
                "if a {\n\tb();\n\tc();\n\t\td();\n}",
            ),
            (
                "let a = \"x\";",
                "let a = “x”;",
                "let b = \"x\";",
                "let b = “x”;",
            ),
            ("café one", "cafe\u{301} one", "café two", "cafe\u{301} two"),
            ("a  \nb", "a\nb", "a  \nc", "a\nc"),
            (
                "one(1);\ntwo(2);\nthree(3);\n",
                "one(1);\ntwo(2);\nthree(33);\n",
                "one(10);\ntwo(2);\nthree(3);\n",
                "one(10);\ntwo(2);\nthree(33);\n",
            ),
            (
                "x();\ny();\n",
                "    x();\n    y();\n",
                "x();\nz();\ny();\n",
                "    x();\n    z();\n    y();\n",
            ),
        ] {
            assert_eq!(carry(old, there, new).as_deref(), Some(expected), "{old:?}");
        }
    }

    #[test]
    fn what_both_changed_is_left() {
        assert_eq!(
            carry(
                "one(1);\ntwo(2);\n",
                "one(1);\ntwo(5);\n",
                "one(1);\ntwo(7);\n"
            ),
            None
        );
        assert_eq!(carry("a b c", "x y z", "a b d"), None);
        let long = "a ".repeat(MAX_TOKENS);
        assert_eq!(carry(&long, &long, "b"), None);
    }
}
