//! Two texts compared line by line, as unified hunks.

use std::collections::HashMap;
use std::ops::Range;

use similar::{Algorithm, DiffOp, capture_diff_slices, group_diff_ops};

use super::{common, push};

/// How many unchanged lines surround a change.
const CONTEXT: usize = 3;
/// Above this many lines between two places that are known to be equal they are
/// shown as replaced whole: comparing them takes more than linear time.
const MAX_COMPARED_LINES: usize = 40_000;

/// The lines of two texts, and what turns the old into the new.
#[derive(Debug)]
pub(super) struct Lines<'a> {
    old: Vec<&'a [u8]>,
    new: Vec<&'a [u8]>,
    ops: Vec<DiffOp>,
}

impl<'a> Lines<'a> {
    pub(super) fn compare(old: &'a [u8], new: &'a [u8]) -> Self {
        let split = |bytes: &'a [u8]| bytes.split_inclusive(|&byte| byte == b'\n').collect();
        let mut lines = Self {
            old: split(old),
            new: split(new),
            ops: Vec::new(),
        };
        let (old, new) = (0..lines.old.len(), 0..lines.new.len());
        lines.compare_ranges(old, new, true);
        lines
    }

    /// Appends what turns `old` into `new`, in time near linear in their length:
    /// long ranges are first divided at the lines that both have exactly once.
    fn compare_ranges(&mut self, mut old: Range<usize>, mut new: Range<usize>, divide: bool) {
        let (left, right) = (&self.old[old.clone()], &self.new[new.clone()]);
        let start = common(left.iter(), right.iter());
        let end = common(left[start..].iter().rev(), right[start..].iter().rev());
        self.push_equal(old.start, new.start, start);
        old = old.start + start..old.end - end;
        new = new.start + start..new.end - end;

        if old.len() + new.len() <= MAX_COMPARED_LINES {
            let (left, right) = (&self.old[old.clone()], &self.new[new.clone()]);
            for op in capture_diff_slices(Algorithm::Myers, left, right) {
                let (left, right) = (op.old_range(), op.new_range());
                if let DiffOp::Equal { .. } = op {
                    self.push_equal(left.start + old.start, right.start + new.start, left.len());
                } else {
                    self.push_replace(
                        left.start + old.start..left.end + old.start,
                        right.start + new.start..right.end + new.start,
                    );
                }
            }
        } else if divide {
            let (mut old_from, mut new_from) = (old.start, new.start);
            for (old_anchor, new_anchor) in self.anchors(old.clone(), new.clone()) {
                self.compare_ranges(old_from..old_anchor, new_from..new_anchor, false);
                self.push_equal(old_anchor, new_anchor, 1);
                (old_from, new_from) = (old_anchor + 1, new_anchor + 1);
            }
            self.compare_ranges(old_from..old.end, new_from..new.end, false);
        } else {
            self.push_replace(old.clone(), new.clone());
        }
        self.push_equal(old.end, new.end, end);
    }

    /// Returns the longest run of pairs, ascending on both sides, of lines that
    /// occur once on each side (Bram Cohen's patience diff).
    fn anchors(&self, old: Range<usize>, new: Range<usize>) -> Vec<(usize, usize)> {
        let mut seen: HashMap<&[u8], [Vec<usize>; 2]> = HashMap::new();
        for (side, lines, range) in [(0, &self.old, old), (1, &self.new, new)] {
            for at in range {
                let places = &mut seen.entry(lines[at]).or_default()[side];
                // A second place tells enough.
                if places.len() < 2 {
                    places.push(at);
                }
            }
        }
        let mut pairs: Vec<(usize, usize)> = seen
            .into_values()
            .filter_map(|[old, new]| match (&old[..], &new[..]) {
                (&[old], &[new]) => Some((old, new)),
                _ => None,
            })
            .collect();
        pairs.sort_unstable();

        // Each pile's top is the pair that ends the best run of its length so far.
        let mut tops: Vec<usize> = Vec::new();
        let mut before: Vec<Option<usize>> = Vec::with_capacity(pairs.len());
        for (index, pair) in pairs.iter().enumerate() {
            let pile = tops.partition_point(|&top| pairs[top].1 < pair.1);
            before.push(pile.checked_sub(1).map(|pile| tops[pile]));
            match tops.get_mut(pile) {
                Some(top) => *top = index,
                None => tops.push(index),
            }
        }
        let mut run: Vec<(usize, usize)> =
            std::iter::successors(tops.last().copied(), |&index| before[index])
                .map(|index| pairs[index])
                .collect();
        run.reverse();
        run
    }

    fn push_equal(&mut self, old_index: usize, new_index: usize, len: usize) {
        if let Some(DiffOp::Equal { len: before, .. }) = self.ops.last_mut() {
            *before += len;
        } else if len > 0 {
            self.ops.push(DiffOp::Equal {
                old_index,
                new_index,
                len,
            });
        }
    }

    fn push_replace(&mut self, old: Range<usize>, new: Range<usize>) {
        if !old.is_empty() || !new.is_empty() {
            self.ops.push(DiffOp::Replace {
                old_index: old.start,
                old_len: old.len(),
                new_index: new.start,
                new_len: new.len(),
            });
        }
    }

    pub(super) fn added(&self) -> u64 {
        self.changed().map(|op| op.new_range().len() as u64).sum()
    }

    pub(super) fn removed(&self) -> u64 {
        self.changed().map(|op| op.old_range().len() as u64).sum()
    }

    fn changed(&self) -> impl Iterator<Item = &DiffOp> {
        let changed = |op: &&DiffOp| !matches!(op, DiffOp::Equal { .. });
        self.ops.iter().filter(changed)
    }

    /// Returns how many bytes the lines have that stayed.
    pub(super) fn kept_bytes(&self) -> usize {
        let equal = |op: &&DiffOp| matches!(op, DiffOp::Equal { .. });
        let equal = self.ops.iter().filter(equal);
        let lines = equal.flat_map(|op| &self.old[op.old_range()]);
        lines.map(|line| line.len()).sum()
    }

    pub(super) fn render(&self, out: &mut Vec<u8>) {
        for hunk in group_diff_ops(self.ops.clone(), CONTEXT) {
            let (Some(first), Some(last)) = (hunk.first(), hunk.last()) else {
                continue;
            };
            let span = |range: fn(&DiffOp) -> Range<usize>| range(first).start..range(last).end;
            let old = hunk_range(span(|op| op.old_range()));
            let new = hunk_range(span(|op| op.new_range()));
            push(out, &["@@ -", &old, " +", &new, " @@\n"]);
            for op in &hunk {
                if let DiffOp::Equal { .. } = op {
                    write_lines(out, b' ', &self.old[op.old_range()]);
                } else {
                    write_lines(out, b'-', &self.old[op.old_range()]);
                    write_lines(out, b'+', &self.new[op.new_range()]);
                }
            }
        }
    }
}

/// Renders `start,count` from one on; an empty range names the line before it.
fn hunk_range(range: Range<usize>) -> String {
    match range.len() {
        0 => format!("{},0", range.start),
        1 => format!("{}", range.start + 1),
        count => format!("{},{count}", range.start + 1),
    }
}

fn write_lines(out: &mut Vec<u8>, mark: u8, lines: &[&[u8]]) {
    for line in lines {
        out.push(mark);
        out.extend_from_slice(line);
        if !line.ends_with(b"\n") {
            out.extend_from_slice(b"\n\\ No newline at end of file\n");
        }
    }
}
