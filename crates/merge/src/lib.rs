//! Merging texts by lines: the way out of a conflict that looks into a file.
//!
//! [`lines`] merges three texts as git does, by [gix-merge]. [`rebase`] moves a copy onto
//! what its parent is now, and merges the files that it is asked to: those that merge
//! without an overlap, and no others; no conflict marker is ever written.
//!
//! ```
//! let base = "one\ntwo\nthree\n";
//! let merged = workspace_merge::lines(base, "ONE\ntwo\nthree\n", "one\ntwo\nTHREE\n");
//! assert_eq!(merged.as_deref(), Some("ONE\ntwo\nTHREE\n"));
//! assert_eq!(workspace_merge::lines(base, "1\ntwo\nthree\n", "I\ntwo\nthree\n"), None);
//! ```
//!
//! [gix-merge]: https://docs.rs/gix-merge

mod rebase;

use gix_imara_diff::{Algorithm, InternedInput};
use gix_merge::blob::Resolution;
use gix_merge::blob::builtin_driver::text::{Conflict, Labels, Merge};

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
