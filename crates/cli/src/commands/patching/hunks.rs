//! Hunks put where they fit, by git's rules: a hunk fits where all its old lines are, at
//! the place that it names or the nearest one; what has nothing before it is at the
//! beginning, what has nothing after it at the end.

use diffy::{Hunk, Line, Patch};

/// How many lines all hunks of a patch may be compared with. What fits nowhere is
/// compared with every line of its file.
const MAX_COMPARED: u64 = 50_000_000;
/// The most lines of a file that is patched.
pub(super) const MAX_LINES: usize = 8 << 20;

/// Puts the hunks of patches where they fit.
pub(super) struct Hunks {
    /// How many lines may still be compared.
    left: u64,
}

/// Why a file is not patched.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// Hunks, each with the line at which it was to be: none of them fits.
    Hunks(Vec<(usize, usize)>),
    /// Looking for the place of each takes too long.
    TooLong,
    /// It has more than [`MAX_LINES`].
    TooManyLines,
}

impl Default for Hunks {
    fn default() -> Self {
        Self { left: MAX_COMPARED }
    }
}

impl Hunks {
    /// Returns what a patch makes of a file.
    pub(super) fn apply(&mut self, old: &[u8], patch: &Patch<'_, [u8]>) -> Result<Vec<u8>, Unfit> {
        let mut image = Image::new(old)?;
        let mut unfit = Vec::new();
        for (index, hunk) in patch.hunks().iter().enumerate() {
            let old: Vec<&[u8]> = hunk
                .lines()
                .iter()
                .filter_map(|line| match line {
                    Line::Context(text) | Line::Delete(text) => Some(*text),
                    Line::Insert(_) => None,
                })
                .collect();
            match self.place(&image, hunk, &old)? {
                Some(place) => {
                    self.spend(image.distance(place) as u64 / 16)?;
                    let new = hunk.lines().iter().filter_map(|line| match line {
                        Line::Context(text) | Line::Insert(text) => Some(*text),
                        Line::Delete(_) => None,
                    });
                    image.replace(place, old.len(), new);
                }
                None => unfit.push((index + 1, hunk.old_range().start())),
            }
        }
        match unfit.is_empty() {
            true => Ok(image.bytes()),
            false => Err(Unfit::Hunks(unfit)),
        }
    }

    fn spend(&mut self, lines: u64) -> Result<(), Unfit> {
        self.left = self.left.checked_sub(lines).ok_or(Unfit::TooLong)?;
        Ok(())
    }

    /// Finds the lines that a hunk replaces, which are these: where they begin.
    fn place(
        &mut self,
        image: &Image<'_>,
        hunk: &Hunk<'_, [u8]>,
        old: &[&[u8]],
    ) -> Result<Option<usize>, Unfit> {
        let Some(last) = image.len().checked_sub(old.len()) else {
            return Ok(None);
        };
        let at_beginning = hunk.old_range().start() <= 1;
        let at_end = !matches!(hunk.lines().last(), Some(Line::Context(_)));
        let new = hunk.new_range();
        let named = match new.is_empty() {
            true => new.start(),
            false => new.start().saturating_sub(1),
        };
        match (at_beginning, at_end) {
            (true, true) if last > 0 => Ok(None),
            (true, _) => self.fits_at(image, old, 0),
            // Without a line around it, nothing says that it belongs there but its number.
            (false, true) if named != last && is_bare(hunk) => Ok(None),
            (false, true) => self.fits_at(image, old, last),
            (false, false) => {
                let named = named.min(image.len());
                // As git does, it looks below first, then above.
                for distance in 0..=image.len() {
                    let below = named.checked_add(distance).filter(|at| *at <= last);
                    let above = named.checked_sub(distance).filter(|at| *at <= last);
                    for at in [below, above.filter(|_| distance > 0)]
                        .into_iter()
                        .flatten()
                    {
                        let found = self.fits_at(image, old, at)?;
                        if found.is_some() {
                            return Ok(found);
                        }
                    }
                }
                Ok(None)
            }
        }
    }

    fn fits_at(
        &mut self,
        image: &Image<'_>,
        old: &[&[u8]],
        at: usize,
    ) -> Result<Option<usize>, Unfit> {
        for (index, old) in old.iter().enumerate() {
            self.spend(1)?;
            if image.old_line(at + index) != Some(*old) {
                return Ok(None);
            }
        }
        Ok(Some(at))
    }
}

/// Tells whether a hunk has no line that stays.
fn is_bare(hunk: &Hunk<'_, [u8]>) -> bool {
    let mut lines = hunk.lines().iter();
    !lines.any(|line| matches!(line, Line::Context(_)))
}

/// A file as hunks have changed it so far. A line has eight bytes beside what is in it, and
/// a change costs as much as it is away from the one before.
struct Image<'a> {
    old: &'a [u8],
    /// Where each line of the old file begins, and its end.
    starts: Vec<u32>,
    /// What hunks have put there.
    new: Vec<&'a [u8]>,
    /// The lines before the place of the last change, and those after it from the end on:
    /// each a line of the old file, or after all of those one of `new`.
    before: Vec<u32>,
    after: Vec<u32>,
}

impl<'a> Image<'a> {
    fn new(old: &'a [u8]) -> Result<Self, Unfit> {
        let mut starts = vec![0];
        let mut end = 0;
        for line in old.split_inclusive(|byte| *byte == b'\n') {
            end += line.len();
            starts.push(u32::try_from(end).map_err(|_| Unfit::TooManyLines)?);
            if starts.len() > MAX_LINES + 1 {
                return Err(Unfit::TooManyLines);
            }
        }
        let count = starts.len() as u32 - 1;
        Ok(Self {
            old,
            starts,
            new: Vec::new(),
            before: Vec::new(),
            after: (0..count).rev().collect(),
        })
    }

    fn len(&self) -> usize {
        self.before.len() + self.after.len()
    }

    /// Returns the line at a place where it is one of the old file.
    fn old_line(&self, at: usize) -> Option<&'a [u8]> {
        let line = match at.checked_sub(self.before.len()) {
            None => self.before.get(at),
            Some(after) => self.after.iter().rev().nth(after),
        };
        self.of_old(*line?)
    }

    fn of_old(&self, line: u32) -> Option<&'a [u8]> {
        let line = line as usize;
        let end = *self.starts.get(line + 1)?;
        Some(&self.old[self.starts[line] as usize..end as usize])
    }

    /// Returns how many lines are between the last change and a place.
    fn distance(&self, at: usize) -> usize {
        self.before.len().abs_diff(at)
    }

    fn replace(&mut self, at: usize, count: usize, new: impl Iterator<Item = &'a [u8]>) {
        match at.checked_sub(self.before.len()) {
            None => {
                let moved = self.before.drain(at..).rev();
                self.after.extend(moved);
            }
            Some(distance) => {
                let start = self.after.len().saturating_sub(distance);
                let moved = self.after.drain(start..).rev();
                self.before.extend(moved);
            }
        }
        self.after.truncate(self.after.len().saturating_sub(count));
        for line in new {
            // After those of the old file, of which there are fewer than fit.
            let number = self.starts.len() + self.new.len();
            self.before.push(u32::try_from(number).unwrap_or(u32::MAX));
            self.new.push(line);
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let lines = self.before.iter().chain(self.after.iter().rev());
        let text = |line: &u32| {
            let new = (*line as usize).checked_sub(self.starts.len());
            match new {
                Some(new) => self.new.get(new).copied(),
                None => self.of_old(*line),
            }
        };
        lines.filter_map(text).flatten().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(old: &str, patch: &str) -> Result<String, Unfit> {
        let patch = format!("--- a/x\n+++ b/x\n{patch}");
        let patch = Patch::from_bytes(patch.as_bytes()).unwrap();
        let new = Hunks::default().apply(old.as_bytes(), &patch)?;
        Ok(String::from_utf8(new).unwrap())
    }

    #[test]
    fn a_hunk_goes_to_the_nearest_place_where_it_fits() {
        let hunk = "@@ -3,3 +3,3 @@\n x\n-y\n+Y\n z\n";
        for (old, new) in [
            ("1\n2\nx\ny\nz\n", "1\n2\nx\nY\nz\n"),
            ("2\nx\ny\nz\n4\n", "2\nx\nY\nz\n4\n"),
            ("0\n1\n2\nx\ny\nz\n", "0\n1\n2\nx\nY\nz\n"),
        ] {
            assert_eq!(applied(old, hunk).as_deref(), Ok(new), "{old:?}");
        }
        // Of two at the same distance, the one below.
        let same = hunk.replace("3,3", "5,3");
        let new = "0\nx\ny\nz\n4\n5\n6\nx\nY\nz\n10\n";
        let old = "0\nx\ny\nz\n4\n5\n6\nx\ny\nz\n10\n";
        assert_eq!(applied(old, &same).as_deref(), Ok(new));
        for old in ["", "x\ny\n", "1\n2\nx\nY\nz\n", "1\n2\nx\ny\nz"] {
            let unfit = Unfit::Hunks(vec![(1, 3)]);
            assert_eq!(applied(old, hunk), Err(unfit), "{old:?}");
        }
    }

    #[test]
    fn what_has_nothing_before_or_after_it_is_at_the_beginning_or_the_end() {
        let first = "@@ -1,2 +1,3 @@\n+0\n 1\n 2\n";
        assert_eq!(applied("1\n2\n3\n", first).as_deref(), Ok("0\n1\n2\n3\n"));
        assert!(applied("x\n1\n2\n3\n", first).is_err());
        let last = "@@ -2,2 +2,3 @@\n 2\n 3\n+4\n";
        assert_eq!(applied("1\n2\n3\n", last).as_deref(), Ok("1\n2\n3\n4\n"));
        assert!(applied("1\n2\n3\nx\n", last).is_err());
        let ended = "@@ -2 +2 @@\n-2\n\\ No newline at end of file\n+2\n";
        assert_eq!(applied("1\n2", ended).as_deref(), Ok("1\n2\n"));
        assert!(applied("1\n2\n", ended).is_err());
    }

    #[test]
    fn all_hunks_that_do_not_fit_are_named() {
        let hunks =
            "@@ -1,2 +1,2 @@\n-a\n+A\n 2\n@@ -3,2 +3,2 @@\n b\n-c\n+C\n@@ -9 +9 @@\n-d\n+D\n";
        let unfit = Unfit::Hunks(vec![(2, 3), (3, 9)]);
        assert_eq!(applied("a\n2\nb\nx\n", hunks), Err(unfit));
    }

    /// As git does without `--unidiff-zero`, what has nothing after it was put at the end.
    #[test]
    fn a_hunk_without_a_line_around_it_went_to_the_end() {
        let old: String = (1..11).map(|n| format!("{n}\n")).collect();
        for (hunk, fits) in [
            ("@@ -4,0 +5 @@\n+x\n", false),
            ("@@ -10,0 +11 @@\n+x\n", true),
            ("@@ -4 +3,0 @@\n-4\n", false),
            ("@@ -10 +9,0 @@\n-10\n", true),
            ("@@ -10 +10 @@\n-10\n+x\n", true),
            ("@@ -0,0 +1 @@\n+x\n", false),
        ] {
            assert_eq!(applied(&old, hunk).is_ok(), fits, "{hunk}");
        }
    }

    #[test]
    fn hunks_go_anywhere_whatever_was_before_them() {
        let old: String = (1..41).map(|n| format!("{}\n", n % 20)).collect();
        let hunk = |at: usize, line: usize| {
            let [a, b, c] = [line - 1, line, line + 1];
            format!("@@ -{at},3 +{at},3 @@\n {a}\n-{b}\n+x\n {c}\n")
        };
        // The second does not fit where the first was, and goes to the one before it.
        let hunks = format!("{}{}", hunk(24, 5), hunk(27, 5));
        let mut expected: Vec<String> = (1..41).map(|n| format!("{}\n", n % 20)).collect();
        expected[24] = "x\n".into();
        expected[4] = "x\n".into();
        assert_eq!(applied(&old, &hunks), Ok(expected.concat()));
    }

    #[test]
    fn a_file_of_too_many_lines_is_not_patched() {
        let old = "\n".repeat(MAX_LINES + 1);
        let hunk = "@@ -3,2 +3,3 @@\n \n+x\n \n";
        assert_eq!(applied(&old, hunk), Err(Unfit::TooManyLines));
        assert!(applied(&old[1..], hunk).is_ok());
    }

    #[test]
    fn looking_for_a_place_has_an_end() {
        let old = "x\n".repeat(30_000);
        let lines = format!("{}-y\n z\n", " x\n".repeat(9_000));
        let hunk = format!("@@ -10000,9002 +10000,9001 @@\n{lines}");
        assert_eq!(applied(&old, &hunk), Err(Unfit::TooLong));
    }
}
