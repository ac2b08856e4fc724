//! Whether the tests that docs/security.md names are there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::repository::Repository;

/// The page; the last column of its table of claims names tests.
const PAGE: &str = "docs/security.md";
/// Where tests are.
const SOURCES: [&str; 2] = ["crates", "xtask"];

/// Fails with the tests that are named and not there, and for a claim that names none.
pub(crate) fn check(repository: &Repository) -> Result<()> {
    let page = fs::read_to_string(repository.root.join(PAGE)).context(PAGE)?;
    let mut named = BTreeSet::new();
    for row in rows(&page) {
        let tests: Vec<&str> = row.tests.split('`').skip(1).step_by(2).collect();
        ensure!(!tests.is_empty(), "{PAGE} names no test for: {}", row.claim);
        named.extend(tests);
    }
    ensure!(!named.is_empty(), "{PAGE} has no table of claims");
    let mut sources = Vec::new();
    for below in SOURCES {
        collect(&repository.root.join(below), &mut sources)?;
    }
    for source in sources {
        let text = fs::read_to_string(&source)?;
        named.retain(|test| !text.contains(&format!("fn {test}(")));
    }
    ensure!(
        named.is_empty(),
        "{PAGE} names tests that are not there: {named:?}"
    );
    Ok(())
}

/// A row of the table of claims.
struct Row<'a> {
    claim: &'a str,
    tests: &'a str,
}

fn rows(page: &str) -> impl Iterator<Item = Row<'_>> {
    let claims = page.split("\n## ").find(|part| part.starts_with("Claims"));
    let lines = claims.unwrap_or_default().lines();
    // After the heads of the columns and the line below them.
    let rows = lines.filter(|line| line.starts_with('|')).skip(2);
    rows.filter_map(|line| {
        let mut cells = line.trim_matches('|').split(" | ");
        Some(Row {
            claim: cells.next()?.trim(),
            tests: cells.last()?,
        })
    })
}

fn collect(directory: &Path, sources: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, sources)?;
        } else if path.extension().is_some_and(|end| end == "rs") {
            sources.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_column_of_the_claims_names_tests() {
        let page = "# S\n\n| a | `no` |\n\n## Claims\n\n| claim | how | tests |\n|---|---|---|\n\
                    | One | so `x` | `a`, `b` |\n| Two | so | none |\n\n## Rest\n\n| c | `no` |\n";
        let found: Vec<_> = rows(page).map(|row| (row.claim, row.tests)).collect();
        assert_eq!(found, [("One", "`a`, `b` "), ("Two", "none ")]);
    }
}
