//! The page of what survived.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::list::Mutant;
use super::outcomes::{Known, Outcome};
use super::reasons::Reasons;

const HEAD: &str = "# Mutants

Written by `cargo xtask mutants`; change `xtask/mutants.toml`, not this page. One thing in
the source is changed at a time, as cargo-mutants proposes, and tests run against it: for
the core its own and those of testkit, for HTTP those of its crate. *Caught*: a test failed,
or had no end. *Survived*: all passed. What does not compile is not counted. A file that
changed since it was tried is not tried.
";

/// Writes the page.
pub(super) fn write(
    path: &Path,
    listed: &[(&str, Vec<Mutant>)],
    known: &Known,
    reasons: &Reasons,
) -> Result<()> {
    let mut page = String::from(HEAD);
    for (title, mutants) in listed {
        let tried: Vec<_> = mutants
            .iter()
            .map(|mutant| (mutant, known.of(mutant)))
            .collect();
        section(&mut page, title, &tried, reasons)?;
    }
    fs::write(path, page).with_context(|| format!("cannot write {}", path.display()))
}

/// Mutants, and what became of them.
type Tried<'m> = [(&'m Mutant, Option<Outcome>)];

fn section(page: &mut String, title: &str, tried: &Tried<'_>, reasons: &Reasons) -> Result<()> {
    writeln!(page, "\n## {title}\n")?;
    page.push_str("| file | mutants | tried | caught | survived | score |\n");
    page.push_str("|---|---:|---:|---:|---:|---:|\n");
    let mut files: BTreeMap<&str, Vec<(&Mutant, Option<Outcome>)>> = BTreeMap::new();
    for (mutant, outcome) in tried {
        let file = files.entry(&mutant.file).or_default();
        file.push((mutant, *outcome));
    }
    for (file, tried) in &files {
        row(page, &format!("`{file}`"), tried)?;
    }
    row(page, "all", tried)?;
    let survived = |outcome| outcome == Some(Outcome::Missed);
    let why = |mutant: &Mutant| {
        let reason = reasons.get(&mutant.file)?.get(mutant.description());
        reason.map(String::as_str)
    };
    list(
        page,
        "What survived, and why it may",
        &files,
        survived,
        |mutant, _| why(mutant).unwrap_or("**no reason is known**"),
    )?;
    let left_out = |outcome| matches!(outcome, Some(Outcome::Constant | Outcome::Opaque));
    list(
        page,
        "What was not tried",
        &files,
        left_out,
        |_, outcome| match outcome {
            Some(Outcome::Constant) => "the compiler computes it, so that nothing can switch it",
            _ => "its function's type is that of its body",
        },
    )
}

/// Lists the mutants that became what is wanted, with something about each.
fn list<'m>(
    page: &mut String,
    title: &str,
    files: &BTreeMap<&str, Vec<(&'m Mutant, Option<Outcome>)>>,
    wanted: impl Fn(Option<Outcome>) -> bool,
    about: impl Fn(&'m Mutant, Option<Outcome>) -> &'m str,
) -> Result<()> {
    let mut headed = false;
    for (file, tried) in files {
        let mut of_file = tried
            .iter()
            .filter(|(_, outcome)| wanted(*outcome))
            .peekable();
        if of_file.peek().is_none() {
            continue;
        }
        if !headed {
            writeln!(page, "\n### {title}")?;
            headed = true;
        }
        writeln!(page, "\n`{file}`:\n")?;
        for (mutant, outcome) in of_file {
            writeln!(page, "- `{}`: {}", mutant.name, about(mutant, *outcome))?;
        }
    }
    Ok(())
}

fn row(page: &mut String, name: &str, tried: &Tried<'_>) -> Result<()> {
    let count = |wanted: &[Outcome]| {
        let outcomes = tried.iter().filter_map(|(_, outcome)| *outcome);
        outcomes.filter(|outcome| wanted.contains(outcome)).count()
    };
    let caught = count(&[Outcome::Caught, Outcome::Timeout]);
    let survived = count(&[Outcome::Missed]);
    let looked_at = caught + survived + count(&[Outcome::Unviable]);
    let score = match caught + survived {
        0 => String::new(),
        viable => {
            let thousandth = 1000 * caught / viable;
            format!("{}.{} %", thousandth / 10, thousandth % 10)
        }
    };
    let mutants = tried.len();
    writeln!(
        page,
        "| {name} | {mutants} | {looked_at} | {caught} | {survived} | {score} |"
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::list::{Genre, Place};
    use super::*;

    fn mutant(name: &str) -> Mutant {
        let nowhere = Place { line: 1, column: 1 };
        Mutant {
            number: 0,
            file: "a.rs".into(),
            name: name.into(),
            genre: Genre::FnValue,
            replacement: String::new(),
            start: nowhere,
            end: nowhere,
        }
    }

    #[test]
    fn a_survivor_is_listed_with_its_reason_or_without() {
        let mutants = [
            (mutant("1:2: replace f with 0"), Some(Outcome::Caught)),
            (mutant("3:4: replace f with 1"), Some(Outcome::Missed)),
            (mutant("5:6: replace g with 1"), Some(Outcome::Missed)),
            (mutant("7:8: replace h with 1"), Some(Outcome::Unviable)),
            (mutant("8:9: replace i with 1"), Some(Outcome::Constant)),
            (mutant("9:9: replace j with 1"), None),
        ];
        let tried: Vec<_> = mutants.iter().map(|(mutant, it)| (mutant, *it)).collect();
        let reasons = toml::from_str("[\"a.rs\"]\n\"replace f with 1\" = \"it is the same\"\n");
        let mut page = String::new();
        section(&mut page, "A", &tried, &reasons.unwrap()).unwrap();
        assert!(
            page.contains("| `a.rs` | 6 | 4 | 1 | 2 | 33.3 % |"),
            "{page}"
        );
        assert!(page.contains("- `3:4: replace f with 1`: it is the same\n"));
        assert!(page.contains("- `5:6: replace g with 1`: **no reason is known**\n"));
        assert!(page.contains("- `8:9: replace i with 1`: the compiler computes it"));
        assert!(!page.contains("replace h") && !page.contains("replace j"));
    }
}
