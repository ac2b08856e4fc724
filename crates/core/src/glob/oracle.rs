//! Globs against those of ripgrep's `globset`, where both define the same syntax.
//!
//! What differs, and is left out or said in the other's words: a pattern of ours matches
//! with everything below, so a path is asked for with all above it; a name alone is at
//! any depth; `**` at the end says nothing; braces are alternatives there; in a set of
//! theirs a `\` is itself; and `?` and a set are of bytes.

use globset::GlobBuilder;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::Glob;
use crate::path::TreePath;

/// Returns the same pattern in the words of globset; `None` for one that matches all.
fn translated(segments: &[&str], anchored: bool) -> Option<String> {
    let mut words: Vec<String> = segments
        .iter()
        .map(|segment| segment.replace('{', "[{]").replace('}', "[}]"))
        .collect();
    if !anchored && words.len() == 1 {
        words.insert(0, "**".into());
    }
    words.dedup_by(|a, b| a == "**" && b == "**");
    while words.last().is_some_and(|last| last == "**") {
        words.pop();
    }
    (!words.is_empty()).then(|| words.join("/"))
}

fn matches_there(pattern: &str, names: &[&str]) -> bool {
    let glob = GlobBuilder::new(pattern)
        .literal_separator(true)
        .backslash_escape(true)
        .build();
    let glob = glob.expect(pattern).compile_matcher();
    (1..=names.len()).any(|depth| glob.is_match(names[..depth].join("/")))
}

#[test]
fn agrees_with_globset() {
    let segment = "(\\*\\*|[abé{}]{1,3}|\\*?[ab?]{1,2}\\*?|\\*|(\\[(a|ab|a-c|\\]|a-|b\\*|!a|\\^ab)\\]){1,2}[ab*]?|\\\\[*?\\[ab]|\\.\\*)";
    let script = (
        proptest::collection::vec(segment, 1..5),
        any::<(bool, bool)>(),
        proptest::collection::vec("[abc]{1,3}|[é{}*?]{1,2}|[ab]?\\]|[ab-]|\\.a", 0..6),
    );
    let mut runner = TestRunner::new_with_rng(
        Config {
            cases: 20_000,
            failure_persistence: None,
            ..Config::default()
        },
        TestRng::deterministic_rng(RngAlgorithm::ChaCha),
    );
    let counts = [const { std::cell::Cell::new(0) }; 2];
    let checked = runner.run(&script, |(segments, (anchored, end), names)| {
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        // A byte is no character.
        let bytes = segments
            .iter()
            .any(|segment| segment.contains(['?', '!', '^']))
            && names.iter().any(|name| !name.is_ascii());
        let text = segments.join("/");
        let before = if anchored { "/" } else { "" };
        let after = if end { "/" } else { "" };
        let glob = Glob::new(&format!("{before}{text}{after}")).unwrap();
        let path = TreePath::new(&format!("/{}", names.join("/"))).unwrap();
        if bytes {
            return Ok(());
        }
        let expected = match translated(&segments, anchored) {
            None => true,
            Some(pattern) => matches_there(&pattern, &names),
        };
        prop_assert_eq!(glob.matches(&path), expected, "{} on {}", glob, path);
        let count = &counts[usize::from(expected)];
        count.set(count.get() + 1);
        Ok(())
    });
    checked.unwrap();
    let reached = counts.each_ref().map(std::cell::Cell::get);
    assert!(reached.iter().all(|count| *count > 2_000), "{reached:?}");
}
