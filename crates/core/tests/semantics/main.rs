//! The tests that pin `docs/semantics.md`. Each is headed by the sentence that
//! it pins.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

mod allowed;
mod apply;
mod authority;
mod beside;
mod budgets;
mod collection;
mod conditions;
mod conflicts;
mod contents;
mod copies;
mod cost;
mod diffs;
mod entries;
mod events;
mod grant_limits;
mod grants;
mod import;
mod import_beside;
mod import_bounds;
mod import_chunks;
mod integrity;
mod integrity_beside;
mod integrity_objects;
mod integrity_report;
mod kinds;
mod nesting;
mod once;
mod operations;
mod previews;
mod receipts;
mod repair;
mod revisions;
mod roots;
mod short;
mod shown;
mod support;
mod uncertain;
mod upkeep;
mod views;

/// Every sentence of the document heads a test, and every quote is exact.
#[test]
fn the_document_and_the_tests_agree() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let document = fs::read_to_string(root.join("docs/semantics.md")).unwrap();
    let mut stated = BTreeMap::<_, Vec<_>>::new();
    for section in document.split("\n## ") {
        // A heading may name where the tests are, between backticks.
        let heading = section.lines().next().unwrap_or_default();
        let tests = heading.split('`').nth(1);
        let sentences = section.lines().filter_map(|line| line.strip_prefix("- "));
        stated
            .entry(tests.unwrap_or("crates/core/tests/semantics"))
            .or_default()
            .extend(sentences);
    }
    assert_eq!(stated.len(), 3, "{:?}", stated.keys());
    for (tests, stated) in stated {
        let quoted = quotes(&root.join(tests));
        for sentence in &stated {
            let found = quoted.iter().any(|quote| quote == sentence);
            assert!(found, "no test quotes: {sentence}");
        }
        for quote in &quoted {
            let found = stated.contains(&quote.as_str());
            assert!(found, "the document does not say: {quote}");
        }
    }
}

/// Returns what the tests of a directory quote.
fn quotes(directory: &Path) -> Vec<String> {
    let mut quoted = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let source = fs::read_to_string(entry.unwrap().path()).unwrap();
        let lines = source.lines().map(|line| line.trim_start());
        let comments = lines.map(|line| line.strip_prefix("/// ").or(line.strip_prefix("// ")));
        let quotes = comments.filter_map(|comment| comment?.strip_prefix("> "));
        quoted.extend(quotes.map(str::to_owned));
    }
    quoted
}
