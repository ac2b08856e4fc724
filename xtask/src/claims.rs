//! Whether the tests that docs/security.md names are there, and are run.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::repository::Repository;

/// The page; the last column of its table of claims names tests.
const PAGE: &str = "docs/security.md";
/// Where tests are.
const SOURCES: [&str; 2] = ["crates", "xtask"];

/// Conditions that hold where the gate runs.
const HERE: [&str; 2] = ["#[cfg(unix)]", r#"#[cfg(target_os = "linux")]"#];

/// What a name stands for in the sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Found {
    /// A function that nobody calls, or a test that is left out.
    Idle,
    /// A function that others call: a part of what is run in workerd, or of many tests.
    Called,
    /// A test.
    Test,
}

/// Fails with the tests that are named and not there, or never run, and for a claim that
/// names none.
pub(crate) fn check(repository: &Repository) -> Result<()> {
    let mut idle = BTreeSet::new();
    for (test, found) in find(repository)? {
        if found.is_none_or(|found| found == Found::Idle) {
            idle.insert(test);
        }
    }
    ensure!(
        idle.is_empty(),
        "{PAGE} names tests that are not there, or that nothing runs: {idle:?}"
    );
    Ok(())
}

/// Fails with the tests that are named and that the runner does not know, or leaves out.
/// `listed` is what `cargo nextest list --message-format json` says.
pub(crate) fn are_run(repository: &Repository, listed: &str) -> Result<()> {
    let known = run_by(listed)?;
    let tests = find(repository)?.into_iter();
    let tests = tests.filter(|(_, found)| *found == Some(Found::Test));
    let left_out: BTreeSet<_> = tests
        .map(|(test, _)| test)
        .filter(|test| !known.contains(test))
        .collect();
    ensure!(
        left_out.is_empty(),
        "{PAGE} names tests that are not run: {left_out:?}"
    );
    Ok(())
}

/// Returns the names of the tests that are run, without their modules.
fn run_by(listed: &str) -> Result<BTreeSet<String>> {
    let listed: Value = serde_json::from_str(listed).context("what nextest lists")?;
    let suites = listed["rust-suites"].as_object().context("no suites")?;
    let cases = suites
        .values()
        .filter_map(|suite| suite["testcases"].as_object());
    let run = cases.flatten().filter(|(_, case)| case["ignored"] == false);
    let name = |path: &String| path.rsplit("::").next().unwrap_or_default().to_owned();
    Ok(run.map(|(path, _)| name(path)).collect())
}

/// Looks up each test that the page names.
fn find(repository: &Repository) -> Result<BTreeMap<String, Option<Found>>> {
    let page = fs::read_to_string(repository.root.join(PAGE)).context(PAGE)?;
    let mut named = BTreeMap::new();
    for row in rows(&page) {
        let tests: Vec<&str> = row.tests.split('`').skip(1).step_by(2).collect();
        ensure!(!tests.is_empty(), "{PAGE} names no test for: {}", row.claim);
        named.extend(tests.into_iter().map(|test| (test.to_owned(), None)));
    }
    ensure!(!named.is_empty(), "{PAGE} has no table of claims");
    let mut sources = Vec::new();
    for below in SOURCES {
        collect(&repository.root.join(below), &mut sources)?;
    }
    for source in sources {
        let text = fs::read_to_string(&source)?;
        let built = is_built(&source);
        for (test, found) in &mut named {
            let here = look(&text, test).filter(|_| built);
            *found = here.max(*found);
        }
    }
    Ok(named)
}

/// Tells what a function of that name is in a source; `None` where there is none.
fn look(text: &str, name: &str) -> Option<Found> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let code = |line: &str| !line.starts_with("//");
    let definition = format!("fn {name}(");
    let at = lines
        .iter()
        .position(|line| code(line) && line.contains(&definition))?;
    // Up to the end of what comes before.
    let above = lines[..at].iter().rev();
    let above: Vec<_> = above
        .take_while(|line| line.starts_with("#[") || line.starts_with("//"))
        .collect();
    let has = |attribute: &str| above.iter().any(|line| line.starts_with(attribute));
    // What is left out where the gate runs, which is on Linux.
    let elsewhere = |line: &str| line.starts_with("#[cfg") && !HERE.contains(&line);
    if has("#[ignore") || above.iter().any(|line| elsewhere(line)) {
        return Some(Found::Idle);
    }
    if has("#[test]") || has("#[tokio::test") {
        return Some(Found::Test);
    }
    let calls = |line: &str| {
        code(line) && !line.contains(&definition) && words(line).any(|word| word == name)
    };
    let called = lines.iter().any(|line| calls(line));
    Some(if called { Found::Called } else { Found::Idle })
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !(c.is_alphanumeric() || c == '_'))
}

/// Tells whether a source belongs to a crate: the module above it names it, or it is the
/// root of one.
fn is_built(source: &Path) -> bool {
    let (Some(directory), Some(stem)) = (source.parent(), source.file_stem()) else {
        return false;
    };
    let stem = stem.to_string_lossy();
    let (name, directory) = match &*stem {
        "main" | "lib" | "build" => return true,
        "mod" => match (directory.file_name(), directory.parent()) {
            (Some(name), Some(above)) => (name.to_string_lossy().into_owned(), above),
            _ => return false,
        },
        _ => (stem.into_owned(), directory),
    };
    let is_root = |name: &str| directory.file_name().is_some_and(|found| found == name);
    if is_root("tests") || is_root("bin") || is_root("examples") {
        return true;
    }
    let mut above = vec![directory.with_extension("rs")];
    above.extend(["mod.rs", "main.rs", "lib.rs"].map(|file| directory.join(file)));
    let names = |file: &PathBuf| {
        let text = fs::read_to_string(file).unwrap_or_default();
        let module = format!("mod {name};");
        text.lines()
            .any(|line| line.trim_end().ends_with(&module) && !line.contains("//"))
    };
    above.iter().any(names)
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

    /// A name in a comment, a test that is left out and a helper without a caller prove
    /// nothing.
    #[test]
    fn a_name_alone_is_no_test() {
        for (text, found) in [
            ("// fn claim() says so", None),
            ("fn other_claim() {}", None),
            ("fn claim() {}", Some(Found::Idle)),
            (
                "/// Of `claim`.\nfn claim() {}\n// claim()",
                Some(Found::Idle),
            ),
            (
                "#[test]\n#[ignore = \"slow\"]\nfn claim() {}",
                Some(Found::Idle),
            ),
            ("#[test]\n#[cfg(windows)]\nfn claim() {}", Some(Found::Idle)),
            ("#[test]\n#[cfg(unix)]\nfn claim() {}", Some(Found::Test)),
            ("#[test]\nfn other() {}\nfn claim() {}", Some(Found::Idle)),
            (
                "fn claim() {}\nfn run() {\n    claim()?;\n}",
                Some(Found::Called),
            ),
            ("#[test]\n/// Of it.\nfn claim() {}", Some(Found::Test)),
            ("#[tokio::test]\nasync fn claim() {}", Some(Found::Test)),
            (
                "    #[test]\n    fn claim(of in any()) {}",
                Some(Found::Test),
            ),
        ] {
            assert_eq!(look(text, "claim"), found, "{text}");
        }
    }

    #[test]
    fn a_source_that_no_module_names_is_not_built() {
        let place = tempfile::tempdir().unwrap();
        let tests = place.path().join("tests");
        let it = tests.join("it");
        fs::create_dir_all(&it).unwrap();
        fs::write(it.join("main.rs"), "mod named;\n// mod commented;\n").unwrap();
        for (file, built) in [
            ("it/main.rs", true),
            ("it/named.rs", true),
            ("it/commented.rs", false),
            ("it/forgotten.rs", false),
            ("alone.rs", true),
        ] {
            assert_eq!(is_built(&tests.join(file)), built, "{file}");
        }
    }

    #[test]
    fn what_the_runner_leaves_out_is_not_run() {
        let listed = r#"{ "rust-suites": { "a": { "testcases": {
            "m::one": { "ignored": false }, "two": { "ignored": true } } } } }"#;
        assert_eq!(run_by(listed).unwrap(), BTreeSet::from(["one".to_owned()]));
        assert!(run_by("{}").is_err());
    }
}
