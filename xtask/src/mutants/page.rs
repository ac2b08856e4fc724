//! The page of what survived.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::reasons::{Reasons, description};
use super::{Module, Outcome};

const HEAD: &str = "# Mutants

Written by `cargo xtask mutants`; change `xtask/mutants.toml`, not this page. cargo-mutants
changes one thing in the core at a time, and the tests of core and testkit run against it.
*Caught*: a test failed, or had no end. *Survived*: all passed. What does not compile is not
counted. A file that changed since it was tried is not tried.
";

/// Writes the page.
pub(super) fn write(path: &Path, modules: &[Module], reasons: &Reasons) -> Result<()> {
    fs::write(path, page(modules, reasons)?)
        .with_context(|| format!("cannot write {}", path.display()))
}

fn page(modules: &[Module], reasons: &Reasons) -> Result<String> {
    let mut page = String::from(HEAD);
    page.push_str("\n| file | mutants | tried | caught | survived | score |\n");
    page.push_str("|---|---:|---:|---:|---:|---:|\n");
    let mut sum = [0; 4];
    for module in modules {
        let counts = counts(module);
        for (sum, count) in sum.iter_mut().zip(counts) {
            *sum += count;
        }
        row(&mut page, &format!("`{}`", module.file), counts)?;
    }
    row(&mut page, "all", sum)?;
    let mut survived = modules
        .iter()
        .filter(|module| counts(module)[3] > 0)
        .peekable();
    if survived.peek().is_some() {
        page.push_str("\n## What survived, and why it may\n");
    }
    for module in survived {
        writeln!(page, "\n`{}`:\n", module.file)?;
        let known = reasons.get(&module.file);
        for (name, outcome) in &module.outcomes {
            if *outcome != Outcome::Missed {
                continue;
            }
            let why = known.and_then(|known| known.get(description(name)));
            let why = why.map_or("**no reason is known**", String::as_str);
            writeln!(page, "- `{name}`: {why}")?;
        }
    }
    Ok(page)
}

/// Counts the mutants that there are, were tried, were caught, and survived.
fn counts(module: &Module) -> [usize; 4] {
    let count = |wanted: &[Outcome]| {
        let outcomes = module.outcomes.values();
        outcomes.filter(|outcome| wanted.contains(outcome)).count()
    };
    let caught = count(&[Outcome::Caught, Outcome::Timeout]);
    let survived = count(&[Outcome::Missed]);
    [module.mutants, module.outcomes.len(), caught, survived]
}

fn row(page: &mut String, name: &str, counts: [usize; 4]) -> Result<()> {
    let [mutants, tried, caught, survived] = counts;
    let score = match caught + survived {
        0 => String::new(),
        viable => format!("{} %", 100 * caught / viable),
    };
    writeln!(
        page,
        "| {name} | {mutants} | {tried} | {caught} | {survived} | {score} |"
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_survivor_is_listed_with_its_reason_or_without() {
        let module = Module {
            file: "a.rs".into(),
            mutants: 5,
            outcomes: [
                ("1:2: replace f with 0", Outcome::Caught),
                ("3:4: replace f with 1", Outcome::Missed),
                ("5:6: replace g with 1", Outcome::Missed),
                ("7:8: replace h with 1", Outcome::Unviable),
            ]
            .into_iter()
            .map(|(name, outcome)| (name.to_string(), outcome))
            .collect(),
        };
        let reasons = toml::from_str("[\"a.rs\"]\n\"replace f with 1\" = \"it is the same\"\n");
        let page = page(&[module], &reasons.unwrap()).unwrap();
        assert!(page.contains("| `a.rs` | 5 | 4 | 1 | 2 | 33 % |"));
        assert!(page.contains("- `3:4: replace f with 1`: it is the same\n"));
        assert!(page.contains("- `5:6: replace g with 1`: **no reason is known**\n"));
        assert!(!page.contains("replace h"));
    }
}
