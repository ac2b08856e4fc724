//! Hunks put where they fit, by git's rules: a hunk fits where all its old lines are, at
//! the place that it names or the nearest one; what has nothing before it is at the
//! beginning, what has nothing after it at the end.

use std::ops::Range;

use diffy::{Hunk, Line, Patch};

/// How many lines all hunks of a patch may be compared with. What fits nowhere is
/// compared with every line of its file.
const MAX_COMPARED: u64 = 50_000_000;

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
}

impl Default for Hunks {
    fn default() -> Self {
        Self { left: MAX_COMPARED }
    }
}

impl Hunks {
    /// Returns what a patch makes of a file.
    pub(super) fn apply(&mut self, old: &[u8], patch: &Patch<'_, [u8]>) -> Result<Vec<u8>, Unfit> {
        let mut image: Vec<(&[u8], bool)> = old
            .split_inclusive(|byte| *byte == b'\n')
            .map(|line| (line, false))
            .collect();
        let mut unfit = Vec::new();
        for (index, hunk) in patch.hunks().iter().enumerate() {
            match self.place(&image, hunk)? {
                Some(place) => {
                    let new = hunk.lines().iter().filter_map(|line| match line {
                        Line::Context(text) | Line::Insert(text) => Some((*text, true)),
                        Line::Delete(_) => None,
                    });
                    image.splice(place, new);
                }
                None => unfit.push((index + 1, hunk.old_range().start())),
            }
        }
        match unfit.is_empty() {
            true => Ok(image.iter().flat_map(|(line, _)| *line).copied().collect()),
            false => Err(Unfit::Hunks(unfit)),
        }
    }

    /// Finds the lines that a hunk replaces.
    fn place(
        &mut self,
        image: &[(&[u8], bool)],
        hunk: &Hunk<'_, [u8]>,
    ) -> Result<Option<Range<usize>>, Unfit> {
        let old: Vec<&[u8]> = hunk
            .lines()
            .iter()
            .filter_map(|line| match line {
                Line::Context(text) | Line::Delete(text) => Some(*text),
                Line::Insert(_) => None,
            })
            .collect();
        let Some(last) = image.len().checked_sub(old.len()) else {
            return Ok(None);
        };
        let at_beginning = hunk.old_range().start() <= 1;
        let at_end = !matches!(hunk.lines().last(), Some(Line::Context(_)));
        let named = hunk.new_range().start().saturating_sub(1);
        match (at_beginning, at_end) {
            (true, true) if last > 0 => Ok(None),
            (true, _) => self.fits_at(image, &old, 0),
            (false, true) => self.fits_at(image, &old, last),
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
                        let found = self.fits_at(image, &old, at)?;
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
        image: &[(&[u8], bool)],
        old: &[&[u8]],
        at: usize,
    ) -> Result<Option<Range<usize>>, Unfit> {
        let place = at..at + old.len();
        for ((line, is_new), old) in image[place.clone()].iter().zip(old) {
            self.left = self.left.checked_sub(1).ok_or(Unfit::TooLong)?;
            if *is_new || line != old {
                return Ok(None);
            }
        }
        Ok(Some(place))
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

    #[test]
    fn looking_for_a_place_has_an_end() {
        let old = "x\n".repeat(30_000);
        let lines = format!("{}-y\n z\n", " x\n".repeat(9_000));
        let hunk = format!("@@ -10000,9002 +10000,9001 @@\n{lines}");
        assert_eq!(applied(&old, &hunk), Err(Unfit::TooLong));
    }
}
