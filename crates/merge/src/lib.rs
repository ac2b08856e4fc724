//! Merging texts by lines: the way out of a conflict that looks into a file.
//!
//! [`lines`] merges three texts as git does, by [gix-merge]. [`rebase`] moves a copy onto
//! what its parent is now, and merges the files that it is asked to: those that merge
//! without an overlap, and no others; it never writes a conflict marker. [`marked`] makes a
//! text for a person who decides the rest.
//!
//! ```
//! let base = "one\ntwo\nthree\n";
//! let merged = workspace_merge::lines(base, "ONE\ntwo\nthree\n", "one\ntwo\nTHREE\n");
//! assert_eq!(merged.as_deref(), Some("ONE\ntwo\nTHREE\n"));
//! assert_eq!(workspace_merge::lines(base, "1\ntwo\nthree\n", "I\ntwo\nthree\n"), None);
//! ```
//!
//! [gix-merge]: https://docs.rs/gix-merge

/// The program of the README, which is compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod rebase;

use std::collections::BTreeSet;
use std::num::NonZeroU8;

use gix_imara_diff::{Algorithm, InternedInput};
use gix_merge::blob::Resolution;
use gix_merge::blob::builtin_driver::text::{Conflict, ConflictStyle, Labels, Merge};

pub use rebase::{MAX_LINES, MAX_TEXT, Merged, rebase};

/// Merges what `ours` and `theirs` changed in `base`; `None` where they changed the same
/// or neighbouring lines in different ways. A line ends with `\n`; a `\r` before it
/// belongs to the line.
pub fn lines(base: &str, ours: &str, theirs: &str) -> Option<String> {
    let mut input = InternedInput::default();
    let [ours, base, theirs] = [ours, base, theirs].map(str::as_bytes);
    // What git merges by, unless it is told otherwise.
    let merge = Merge::new(&mut input, ours, base, theirs, Algorithm::Myers);
    let mut merged = Vec::new();
    match merge.run(&mut merged, Labels::default(), Conflict::default()) {
        // Lines of three texts make a text.
        Resolution::Complete => String::from_utf8(merged).ok(),
        _ => None,
    }
}

/// A text for a person to decide the rest of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marked {
    text: String,
    size: NonZeroU8,
}

impl Marked {
    /// Returns the text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Tells whether a line of what was made of it is one of its conflict markers. Lines of
    /// the texts that it was made from are none, unless they have markers of every size.
    pub fn is_open_in(&self, text: &[u8]) -> bool {
        let mut lines = text.split(|byte| *byte == b'\n');
        lines.any(|line| marker(line) == Some(usize::from(self.size.get())))
    }
}

/// Returns how long the conflict marker is that a line is; `None` where it is none.
fn marker(line: &[u8]) -> Option<usize> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let first = line.first().filter(|first| b"<|=>".contains(first))?;
    let length = line.iter().take_while(|byte| *byte == first).count();
    matches!(line.get(length), None | Some(b' ')).then_some(length)
}

/// Merges what `ours`, a copy's text, and `theirs`, its parent's, changed in `base`, for a
/// person to decide the rest: where they changed the same lines, all three are there
/// between conflict markers, as git writes them with `merge.conflictStyle = diff3`. They
/// are longer than git's where a line of the texts could be taken for one.
pub fn marked(base: &str, ours: &str, theirs: &str) -> Marked {
    let lines = [base, ours, theirs].into_iter().flat_map(str::lines);
    let taken: BTreeSet<usize> = lines.filter_map(|line| marker(line.as_bytes())).collect();
    let mut sizes = (7..=u8::MAX).filter_map(NonZeroU8::new);
    let free = sizes.find(|size| !taken.contains(&usize::from(size.get())));
    let size = free.unwrap_or(NonZeroU8::MAX);
    let mut input = InternedInput::default();
    let [ours, base, theirs] = [ours, base, theirs].map(str::as_bytes);
    let merge = Merge::new(&mut input, ours, base, theirs, Algorithm::Myers);
    let labels = Labels {
        ancestor: Some("base".into()),
        current: Some("copy".into()),
        other: Some("parent".into()),
    };
    let conflict = Conflict::Keep {
        style: ConflictStyle::Diff3,
        marker_size: size,
    };
    let mut merged = Vec::new();
    merge.run(&mut merged, labels, conflict);
    Marked {
        // Lines of three texts, and ASCII, make a text.
        text: String::from_utf8_lossy(&merged).into_owned(),
        size,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_overlaps_is_marked_with_all_three_sides() {
        let theirs = "1\ntheirs\n3\nfour\n";
        let marked = marked("1\n2\n3\n4\n", "1\nours\n3\n4\n", theirs);
        let expected = "\
            1\n<<<<<<< copy\nours\n||||||| base\n2\n=======\ntheirs\n>>>>>>> parent\n\
            3\nfour\n";
        assert_eq!(marked.text(), expected);
        assert!(marked.is_open_in(expected.as_bytes()));
    }

    /// A text about conflicts was never decided, and of others a half was enough.
    #[test]
    fn a_line_of_the_texts_was_taken_for_a_marker_and_a_marker_for_a_line() {
        let texts = [
            "<<<<<<< HEAD\n2\n=======\n",
            "<<<<<<< HEAD\nmine\n=======\n",
            "<<<<<<< HEAD\ntheirs\n=======\n||||||||\n",
        ];
        let marked = marked(texts[0], texts[1], texts[2]);
        assert!(
            marked.text().contains("<<<<<<<<< copy\n"),
            "{}",
            marked.text()
        );
        for text in texts {
            assert!(!marked.is_open_in(text.as_bytes()), "{text}");
        }
        for mark in [
            "<<<<<<<<< copy",
            "||||||||| base\r",
            "=========",
            ">>>>>>>>> parent",
        ] {
            assert!(
                marked.is_open_in(format!("1\n{mark}\n2").as_bytes()),
                "{mark}"
            );
        }
        for text in ["<<<<<<<<<copy", " =========", "=========="] {
            assert!(!marked.is_open_in(text.as_bytes()), "{text}");
        }
    }
}
