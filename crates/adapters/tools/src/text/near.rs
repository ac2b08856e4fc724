//! The region of a text that is closest to one that is not there.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ops::Range;

use super::fold::{Folded, Lens, is_blank};
use super::lines::Lines;
use super::replace::places;

/// In a longer text, and for a longer one, nothing near is looked for.
pub const MAX_NEAR: usize = 1 << 20;
/// Of a longer text that is looked for, so many lines count.
const MAX_LINES: usize = 400;
/// A line that a text has more often tells nothing of a place.
const MAX_ALIKE: usize = 32;
/// So much of two lines must be alike where only one is looked for, in pairs of characters.
const ALIKE: f64 = 0.5;
/// By so much the closest must be closer than the next one to be taken for what is meant.
const MARGIN: f64 = 1.25;

/// What is closest to a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Near {
    /// Where it is, in bytes.
    pub range: Range<usize>,
    /// What the two differ in, where that is all that they do.
    pub lens: Option<Lens>,
    /// Where what is alike through the lens is: the first ten places.
    pub ranges: Vec<Range<usize>>,
    /// At how many places that is; at least 1,000 where it is that.
    pub count: usize,
    /// Whether it is clearly closer than anything else.
    pub clear: bool,
}

/// Returns what of `text` is closest to `old`, which is not in it: first what is alike through
/// a [`Lens`], in time in proportion to both; then, by whole lines but for white space, the
/// place that most lines of `old` speak for, in time in proportion to both and to 32 for each
/// of up to 400 lines of `old`; for a single line, the line with the most pairs of characters
/// in common. `None` where nothing is, and for more than [`MAX_NEAR`] bytes.
pub fn near(text: &str, old: &str) -> Option<Near> {
    if text.len() > MAX_NEAR || old.len() > MAX_NEAR || old.trim().is_empty() {
        return None;
    }
    Lens::ALL
        .into_iter()
        .find_map(|lens| through(text, old, lens))
        .or_else(|| by_lines(text, old))
}

/// Looks for a text through a lens.
fn through(text: &str, old: &str, lens: Lens) -> Option<Near> {
    let (folded, wanted) = (Folded::of(text, lens), Folded::of(old, lens));
    if wanted.text.trim().is_empty() {
        return None;
    }
    let found = places(&folded.text, &wanted.text);
    let range = |at: &usize| {
        let range = folded.source(*at..at + wanted.text.len())?;
        Some(widened(text, old, range, lens))
    };
    let ranges: Vec<_> = found.first.iter().filter_map(range).collect();
    let first = ranges.first()?.clone();
    let count = match ranges.len() == found.first.len() {
        true => found.count,
        false => ranges.len(),
    };
    Some(Near {
        range: first,
        lens: Some(lens),
        clear: count == 1,
        ranges,
        count,
    })
}

/// Takes in the white space around a region that the text has around it as well.
fn widened(text: &str, old: &str, mut range: Range<usize>, lens: Lens) -> Range<usize> {
    let blank = |char: char| is_blank(char, lens);
    if lens == Lens::Blanks && old.starts_with(blank) {
        let before = text.get(..range.start).unwrap_or_default();
        let trimmed = before.trim_end_matches(blank);
        if trimmed.is_empty() || trimmed.ends_with('\n') {
            range.start = trimmed.len();
        }
    }
    if lens >= Lens::TrailingBlanks && old.ends_with(blank) {
        let after = text.get(range.end..).unwrap_or_default();
        range.end = text.len() - after.trim_start_matches(blank).len();
    }
    range
}

/// A line as it is compared, by a hash of it.
fn key(line: &str) -> u64 {
    let folded = Folded::of(line, Lens::Blanks);
    let mut hasher = DefaultHasher::new();
    folded.text.trim_end().hash(&mut hasher);
    hasher.finish()
}

fn by_lines(text: &str, old: &str) -> Option<Near> {
    let (lines, wanted) = (Lines::of(text), Lines::of(old));
    let count = wanted.len().min(MAX_LINES);
    let keys: Vec<u64> = (0..lines.len()).map(|line| key(lines.get(line))).collect();
    let wanted_keys: Vec<u64> = (0..count).map(|line| key(wanted.get(line))).collect();
    let mut at: HashMap<u64, Vec<usize>> = HashMap::new();
    for (line, key) in keys.iter().enumerate() {
        let places = at.entry(*key).or_default();
        if places.len() <= MAX_ALIKE {
            places.push(line);
        }
    }
    // Each line of it speaks for where it would begin, by what it has to say.
    let mut votes: HashMap<i64, f64> = HashMap::new();
    for (line, key) in wanted_keys.iter().enumerate() {
        let weight = wanted.get(line).trim().len();
        let places = at.get(key).filter(|places| places.len() <= MAX_ALIKE);
        for place in places.into_iter().flatten().filter(|_| weight > 0) {
            let share = (weight as f64).sqrt() / at.get(key).map_or(1.0, |all| all.len() as f64);
            *votes.entry(*place as i64 - line as i64).or_default() += share;
        }
    }
    if votes.is_empty() {
        return by_characters(text, &lines, &wanted);
    }
    // A line that came or went in between moves the beginning: neighbours speak for the same.
    let near = |start: i64| -> f64 {
        (start - 3..=start + 3)
            .filter_map(|at| votes.get(&at))
            .sum()
    };
    let mut best: Option<(i64, f64)> = None;
    let mut starts: Vec<i64> = votes.keys().copied().collect();
    starts.sort_unstable();
    for start in &starts {
        let score = near(*start) + votes.get(start).unwrap_or(&0.0) / 2.0;
        if best.is_none_or(|(_, most)| score > most) {
            best = Some((*start, score));
        }
    }
    let (start, _) = best?;
    let span = count as i64;
    let elsewhere = starts
        .iter()
        .filter(|at| (**at - start).abs() > span.max(6));
    let second = elsewhere.map(|at| near(*at)).fold(0.0, f64::max);
    let clear = near(start) >= second * MARGIN;
    let telling = |line: usize| wanted.get(line).trim().len() > 2;
    let region = aligned(&keys, &wanted_keys, telling, start)?;
    let range = lines.range(region);
    Some(Near {
        range: unended(text, old, range),
        lens: None,
        ranges: Vec::new(),
        count: 0,
        clear,
    })
}

/// Returns the lines that those of the text looked for are, about where it would begin: each
/// where it would be by those before it, or, if it says something, up to three lines further on
/// or back.
fn aligned(
    keys: &[u64],
    wanted: &[u64],
    telling: impl Fn(usize) -> bool,
    start: i64,
) -> Option<Range<usize>> {
    let (mut first, mut last): (Option<(usize, usize)>, _) = (None, None);
    let mut drift = start;
    for (line, key) in wanted.iter().enumerate() {
        let moved: &[i64] = match telling(line) {
            true => &[0, 1, -1, 2, -2, 3, -3],
            false => &[0],
        };
        let found = moved.iter().find_map(|by| {
            let at = usize::try_from(line as i64 + drift + by).ok()?;
            let later = last.is_none_or(|(_, last)| at > last);
            (later && keys.get(at) == Some(key)).then_some(at)
        });
        if let Some(at) = found {
            drift = at as i64 - line as i64;
            first = first.or(Some((line, at)));
            last = Some((line, at));
        }
    }
    let ((first_line, first_at), (last_line, last_at)) = (first?, last?);
    // Lines before the first and after the last that agree stand for as many.
    let begins = first_at.saturating_sub(first_line);
    let ends = last_at + (wanted.len() - last_line);
    Some(begins..ends.min(keys.len()))
}

/// Leaves out the end of the last line, where the text looked for has none.
fn unended(text: &str, old: &str, range: Range<usize>) -> Range<usize> {
    let region = text.get(range.clone()).unwrap_or_default();
    if old.ends_with('\n') {
        return range;
    }
    let body = region.strip_suffix('\n').unwrap_or(region);
    let body = body.strip_suffix('\r').unwrap_or(body);
    range.start..range.start + body.len()
}

/// Returns the line with the most in common with the longest line that is looked for, and the
/// lines around it.
fn by_characters(text: &str, lines: &Lines<'_>, wanted: &Lines<'_>) -> Option<Near> {
    let longest =
        (0..wanted.len().min(MAX_LINES)).max_by_key(|line| wanted.get(*line).trim().len())?;
    let pairs = Pairs::of(wanted.get(longest));
    let (mut best, mut second) = ((0.0, 0), 0.0_f64);
    for line in 0..lines.len() {
        let alike = pairs.alike(lines.get(line));
        if alike > best.0 {
            second = best.0;
            best = (alike, line);
        } else {
            second = second.max(alike);
        }
    }
    let (alike, line) = best;
    if alike < ALIKE {
        return None;
    }
    let begins = line.saturating_sub(longest);
    let ends = (line + wanted.len() - longest).min(lines.len());
    let range = lines.range(begins..ends);
    let old = wanted.whole(wanted.len() - 1);
    Some(Near {
        range: unended(text, old, range),
        lens: None,
        ranges: Vec::new(),
        count: 0,
        clear: alike >= second * MARGIN,
    })
}

/// The pairs of characters of a line, by how often it has them.
struct Pairs {
    counts: HashMap<(char, char), u32>,
    total: u32,
}

impl Pairs {
    fn of(line: &str) -> Self {
        let mut counts: HashMap<(char, char), u32> = HashMap::new();
        let mut total = 0;
        for pair in pairs(line) {
            *counts.entry(pair).or_default() += 1;
            total += 1;
        }
        Self { counts, total }
    }

    /// Returns which share of the pairs of both they have in common (Dice's coefficient).
    fn alike(&self, line: &str) -> f64 {
        let mut seen: HashMap<(char, char), u32> = HashMap::new();
        let (mut common, mut total) = (0, 0);
        for pair in pairs(line) {
            total += 1;
            if let Some(most) = self.counts.get(&pair) {
                let seen = seen.entry(pair).or_default();
                if *seen < *most {
                    *seen += 1;
                    common += 1;
                }
            }
        }
        match self.total + total {
            0 => 0.0,
            both => f64::from(2 * common) / f64::from(both),
        }
    }
}

fn pairs(line: &str) -> impl Iterator<Item = (char, char)> + '_ {
    let line = line.trim();
    line.chars().zip(line.chars().skip(1))
}

/// Returns those of `names` that are closest to `name`, the closest first.
pub(crate) fn closest_names<'a>(name: &str, names: &[&'a str], most: usize) -> Vec<&'a str> {
    let wanted = name.to_lowercase();
    let pairs = Pairs::of(&wanted);
    let scored = names.iter().map(|name| {
        let lower = name.to_lowercase();
        let alike = if lower == wanted {
            1.0
        } else {
            pairs.alike(&lower)
        };
        (alike, *name)
    });
    let mut scored: Vec<_> = scored.filter(|(alike, _)| *alike >= ALIKE).collect();
    scored.sort_by(|one, other| other.0.total_cmp(&one.0));
    scored
        .into_iter()
        .take(most)
        .map(|(_, name)| name)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found<'a>(text: &'a str, old: &str) -> (&'a str, Option<Lens>, bool) {
        let near = near(text, old).unwrap();
        (&text[near.range], near.lens, near.clear)
    }

    #[test]
    fn what_is_alike_is_found_first() {
        let text = "fn a() {\r\n\tone();\r\n}\r\n";
        assert_eq!(
            found(text, "fn a() {\n    one();\n}\n"),
            (text, Some(Lens::Blanks), true)
        );
        let twice = near("a  b\na   b\n", "a b").unwrap();
        assert_eq!(
            (twice.count, twice.ranges.len(), twice.clear),
            (2, 2, false)
        );
        assert_eq!(
            found("x\n\t\ty\n", "  y"),
            ("\t\ty", Some(Lens::Blanks), true)
        );
    }

    #[test]
    fn what_changed_meanwhile_is_found_by_the_lines_around_it() {
        let text = "one\nfn a() {\n    first(1);\n    new(2);\n    third(3);\n}\ntwo\n";
        let old = "fn a() {\n    first(1);\n    second(2);\n    third(3);\n}\n";
        let region = "fn a() {\n    first(1);\n    new(2);\n    third(3);\n}\n";
        assert_eq!(found(text, old), (region, None, true));
        let line = found(
            "let total = sum(values);\nother\n",
            "let totl = sum(value);",
        );
        assert_eq!(line, ("let total = sum(values);", None, true));
        assert_eq!(near("a\nb\n", "something else entirely"), None);
        assert_eq!(near("a\nb\n", "\n \n"), None);
    }

    #[test]
    fn names_are_found_by_what_they_have_in_common() {
        let names = ["main.rs", "lib.rs", "Readme.md"];
        assert_eq!(closest_names("mian.rs", &names, 3), ["main.rs"]);
        assert_eq!(closest_names("README.md", &names, 3), ["Readme.md"]);
    }
}
