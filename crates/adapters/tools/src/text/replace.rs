//! Exact replacements, all against the same text.

use std::ops::Range;

use super::lines::line_of;

/// The most bytes of a text that is edited, before and after.
pub const MAX_TEXT: usize = 8 << 20;
/// The most replacements of a call.
pub const MAX_EDITS: usize = 1_000;
/// The most bytes that all replacements of a call look through.
pub const MAX_WORK: usize = 256 << 20;
/// The most places that all replacements of a call may have.
pub const MAX_PLACES: usize = 100_000;
/// Up to so many places of a text that should be there once are counted.
const COUNTED: usize = 1_000;
/// So many of them are named.
const NAMED: usize = 10;

/// A text to replace.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Replacement {
    /// The text that is there, exactly.
    pub old: String,
    /// What is to be there.
    pub new: String,
    /// Whether to replace it wherever it is; otherwise it has to be there once.
    pub all: bool,
    /// The line, counted from 1, on which the one that is meant begins.
    pub line: Option<usize>,
}

/// Where a text is, overlaps included.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Places {
    /// The first of them, in bytes.
    pub first: Vec<usize>,
    /// How many there are; at least 1,000 where it is that.
    pub count: usize,
}

/// What is wrong with a replacement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The text to replace is empty.
    Empty,
    /// Old and new are the same.
    Same,
    /// It is not there.
    Absent,
    /// It is there more than once; also where it overlaps itself.
    Many(Places),
    /// It is there, but does not begin on the line that was said.
    Elsewhere(Places),
    /// It overlaps what another one replaces.
    Overlaps(usize),
}

/// A replacement that cannot be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faulty {
    /// Which, counted from 0.
    pub index: usize,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What replacing led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaced {
    /// The text after it.
    pub text: String,
    /// How many places were replaced.
    pub count: usize,
}

/// Why nothing was replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// Some cannot be made: all of those, in order.
    Faulty(Vec<Faulty>),
    /// A limit is exceeded, which is said.
    TooMuch(String),
}

/// Finds a text in another, overlaps included: of up to 1,000 places the first ten. Takes time
/// in proportion to both.
pub fn places(text: &str, old: &str) -> Places {
    let mut places = Places::default();
    let Some(first) = old.chars().next() else {
        return places;
    };
    let mut from = 0;
    while places.count < COUNTED
        && let Some(found) = text.get(from..).and_then(|rest| rest.find(old))
    {
        if places.first.len() < NAMED {
            places.first.push(from + found);
        }
        places.count += 1;
        from += found + first.len_utf8();
    }
    places
}

/// Makes replacements, all against the text as it is: all of them, or none. Each old text has
/// to be there once, unless all are replaced, or the line is said on which it begins; no two
/// may overlap. Takes time in proportion to the text times the replacements.
///
/// # Errors
/// What is wrong with each that cannot be made; a limit: [`MAX_TEXT`], [`MAX_EDITS`],
/// [`MAX_WORK`], [`MAX_PLACES`].
pub fn replace(text: &str, edits: &[Replacement]) -> Result<Replaced, Refused> {
    let too_much = |why: String| Err(Refused::TooMuch(why));
    if text.len() > MAX_TEXT {
        return too_much(format!(
            "a text of {} bytes; up to {MAX_TEXT} are edited",
            text.len()
        ));
    }
    if edits.len() > MAX_EDITS {
        return too_much(format!(
            "{} edits; up to {MAX_EDITS} in a call",
            edits.len()
        ));
    }
    if text.len().saturating_mul(edits.len()) > MAX_WORK {
        return too_much(format!(
            "{} edits look through a text of {} bytes; up to {MAX_WORK} bytes in a call",
            edits.len(),
            text.len()
        ));
    }
    let mut faulty = Vec::new();
    let mut spans: Vec<(Range<usize>, usize)> = Vec::new();
    for (index, edit) in edits.iter().enumerate() {
        match found(text, edit) {
            Ok(starts) => {
                if spans.len() + starts.len() > MAX_PLACES {
                    return too_much(format!(
                        "more than {MAX_PLACES} places would be replaced in a call"
                    ));
                }
                let span = |start: usize| (start..start + edit.old.len(), index);
                spans.extend(starts.into_iter().map(span));
            }
            Err(fault) => faulty.push(Faulty { index, fault }),
        }
    }
    spans.sort_unstable_by_key(|(span, index)| (span.start, *index));
    for pair in spans.windows(2) {
        if let [(before, one), (after, other)] = pair
            && after.start < before.end
            && !faulty.iter().any(|faulty| faulty.index == *other)
        {
            let fault = Fault::Overlaps(*one);
            faulty.push(Faulty {
                index: *other,
                fault,
            });
        }
    }
    if !faulty.is_empty() {
        faulty.sort_unstable_by_key(|faulty| faulty.index);
        return Err(Refused::Faulty(faulty));
    }
    let new = |index: &usize| edits.get(*index).map_or("", |edit| edit.new.as_str());
    let grown: usize = spans.iter().fold(text.len(), |length, (span, index)| {
        (length - span.len()).saturating_add(new(index).len())
    });
    if grown > MAX_TEXT {
        return too_much(format!(
            "the text would have {grown} bytes; up to {MAX_TEXT} are edited"
        ));
    }
    let mut out = String::with_capacity(grown);
    let mut from = 0;
    for (span, index) in &spans {
        out.push_str(text.get(from..span.start).unwrap_or_default());
        out.push_str(new(index));
        from = span.end;
    }
    out.push_str(text.get(from..).unwrap_or_default());
    Ok(Replaced {
        text: out,
        count: spans.len(),
    })
}

/// Returns where a replacement is made.
fn found(text: &str, edit: &Replacement) -> Result<Vec<usize>, Fault> {
    if edit.old.is_empty() {
        return Err(Fault::Empty);
    }
    if edit.old == edit.new {
        return Err(Fault::Same);
    }
    if edit.all {
        let all: Vec<usize> = text
            .match_indices(edit.old.as_str())
            .map(|(at, _)| at)
            .take(MAX_PLACES + 1)
            .collect();
        return match all.is_empty() {
            true => Err(Fault::Absent),
            false => Ok(all),
        };
    }
    let places = places(text, &edit.old);
    match (edit.line, places.first.as_slice()) {
        (_, []) => Err(Fault::Absent),
        (None, [at]) => Ok(vec![*at]),
        (None, _) => Err(Fault::Many(places)),
        (Some(line), _) => on_line(text, &edit.old, line).ok_or(Fault::Elsewhere(places)),
    }
}

/// Returns where a text begins on a line, if that is at one place.
fn on_line(text: &str, old: &str, line: usize) -> Option<Vec<usize>> {
    let mut lines = text.split_inclusive('\n');
    let start: usize = lines
        .by_ref()
        .take(line.checked_sub(1)?)
        .map(str::len)
        .sum();
    let end = start + lines.next()?.len();
    let within = text.get(start..(end + old.len() - 1).min(text.len()));
    // The end may be within a character.
    let within = within.or_else(|| text.get(start..))?;
    let found = places(within, old);
    let mut starts = found.first.iter().filter(|at| start + **at < end);
    match (starts.next(), starts.next()) {
        (Some(at), None) => Some(vec![start + at]),
        _ => None,
    }
}

impl Places {
    /// Returns the lines, counted from 1, on which the first of them begin.
    pub fn lines(&self, text: &str) -> Vec<usize> {
        self.first.iter().map(|at| line_of(text, *at)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(old: &str, new: &str) -> Replacement {
        Replacement {
            old: old.into(),
            new: new.into(),
            ..Replacement::default()
        }
    }

    fn done(text: &str, edits: &[Replacement]) -> String {
        replace(text, edits).unwrap().text
    }

    fn fault(text: &str, edits: &[Replacement]) -> (usize, Fault) {
        match replace(text, edits).unwrap_err() {
            Refused::Faulty(faulty) => (faulty[0].index, faulty[0].fault.clone()),
            Refused::TooMuch(why) => panic!("{why}"),
        }
    }

    #[test]
    fn all_are_made_against_the_same_text() {
        assert_eq!(done("a b c", &[edit("a", "b"), edit("b", "a")]), "b a c");
        assert_eq!(done("a b", &[edit("b", "$1\\"), edit("a ", "")]), "$1\\");
        let all = Replacement {
            all: true,
            ..edit("ä", "ö")
        };
        assert_eq!(done("ää ä", &[all]), "öö ö");
    }

    #[test]
    fn what_cannot_be_made_is_said_of_each() {
        assert_eq!(fault("a", &[edit("", "x")]), (0, Fault::Empty));
        assert_eq!(fault("a", &[edit("a", "a")]), (0, Fault::Same));
        assert_eq!(
            fault("a", &[edit("a", "x"), edit("b", "")]),
            (1, Fault::Absent)
        );
        let twice = Places {
            first: vec![0, 1],
            count: 2,
        };
        assert_eq!(fault("aaa", &[edit("aa", "")]), (0, Fault::Many(twice)));
        let overlap = [edit("ab", "x"), edit("bc", "y")];
        assert_eq!(fault("abc", &overlap), (1, Fault::Overlaps(0)));
        let same = [edit("ab", "x"), edit("ab", "y")];
        assert_eq!(fault("abc", &same), (1, Fault::Overlaps(0)));
        let many: Vec<_> = (0..MAX_EDITS + 1).map(|_| edit("a", "b")).collect();
        assert!(matches!(replace("a", &many), Err(Refused::TooMuch(_))));
    }

    #[test]
    fn a_line_says_which_is_meant() {
        let at = |line| Replacement {
            line: Some(line),
            ..edit("x\n", "y\n")
        };
        assert_eq!(done("x\na\nx\n", &[at(3)]), "x\na\ny\n");
        assert!(matches!(
            fault("x\na\nx\n", &[at(2)]).1,
            Fault::Elsewhere(_)
        ));
        assert!(matches!(
            fault("x\na\nx\n", &[at(9)]).1,
            Fault::Elsewhere(_)
        ));
        let twice = Replacement {
            line: Some(1),
            ..edit("x", "y")
        };
        assert!(matches!(fault("x x", &[twice]).1, Fault::Elsewhere(_)));
    }

    #[test]
    fn what_would_grow_without_end_is_refused_before() {
        let grow = Replacement {
            all: true,
            ..edit("a", &"b".repeat(1 << 20))
        };
        let refused = replace(&"a".repeat(1_000), &[grow]);
        assert!(matches!(refused, Err(Refused::TooMuch(_))));
        let many = Replacement {
            all: true,
            ..edit("a", "b")
        };
        let refused = replace(&"a".repeat(MAX_PLACES + 1), &[many]);
        assert!(matches!(refused, Err(Refused::TooMuch(_))));
    }
}
