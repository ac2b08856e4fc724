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

/// Merges what `ours`, a copy's text, and `theirs`, its parent's, changed in `base`, for a
/// person to decide the rest: where they changed the same lines, all three are there
/// between conflict markers, as git writes them with `merge.conflictStyle = diff3`.
pub fn marked(base: &str, ours: &str, theirs: &str) -> String {
    let mut input = InternedInput::default();
    let [ours, base, theirs] = [ours, base, theirs].map(str::as_bytes);
    let merge = Merge::new(&mut input, ours, base, theirs, Algorithm::Myers);
    let labels = Labels {
        ancestor: Some("base".into()),
        current: Some("copy".into()),
        other: Some("parent".into()),
    };
    let conflict = match Conflict::default() {
        Conflict::Keep { marker_size, .. } => Conflict::Keep {
            style: ConflictStyle::Diff3,
            marker_size,
        },
        other => other,
    };
    let mut merged = Vec::new();
    merge.run(&mut merged, labels, conflict);
    // Lines of three texts, and ASCII, make a text.
    String::from_utf8_lossy(&merged).into_owned()
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
        assert_eq!(marked, expected);
    }
}
