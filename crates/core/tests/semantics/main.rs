//! The tests that pin `docs/semantics.md`. Each is headed by the sentence that
//! it pins.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

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
    let document = include_str!("../../../../docs/semantics.md");
    let sources = [
        include_str!("apply.rs"),
        include_str!("beside.rs"),
        include_str!("budgets.rs"),
        include_str!("collection.rs"),
        include_str!("conditions.rs"),
        include_str!("conflicts.rs"),
        include_str!("copies.rs"),
        include_str!("cost.rs"),
        include_str!("entries.rs"),
        include_str!("events.rs"),
        include_str!("grants.rs"),
        include_str!("import.rs"),
        include_str!("import_beside.rs"),
        include_str!("import_bounds.rs"),
        include_str!("short.rs"),
        include_str!("integrity.rs"),
        include_str!("integrity_beside.rs"),
        include_str!("nesting.rs"),
        include_str!("operations.rs"),
        include_str!("previews.rs"),
        include_str!("repair.rs"),
        include_str!("revisions.rs"),
        include_str!("roots.rs"),
        include_str!("uncertain.rs"),
        include_str!("upkeep.rs"),
        include_str!("views.rs"),
    ];
    let stated: Vec<&str> = document
        .lines()
        .filter_map(|line| line.strip_prefix("- "))
        .collect();
    let quoted: Vec<&str> = sources
        .iter()
        .flat_map(|source| source.lines())
        .filter_map(|line| line.trim_start().strip_prefix("/// > "))
        .collect();
    for sentence in &stated {
        assert!(quoted.contains(sentence), "no test quotes: {sentence}");
    }
    for quote in &quoted {
        assert!(stated.contains(quote), "the document does not say: {quote}");
    }
}
