//! The mutants that cargo-mutants knows of.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::Subject;
use crate::command::Program;

/// The release of cargo-mutants that is installed.
const VERSION: &str = "27.1.0";

/// One small change of a file.
#[derive(Debug, Clone)]
pub(super) struct Mutant {
    /// The number that it is chosen by.
    pub(super) number: usize,
    /// The file, from the root of the repository.
    pub(super) file: String,
    /// cargo-mutants' name of it without the file: place and description; the second of
    /// the same description in a file has ` (2)` at its end.
    pub(super) name: String,
    pub(super) genre: Genre,
    /// What is put in the place of `start..end`.
    pub(super) replacement: String,
    pub(super) start: Place,
    pub(super) end: Place,
}

impl Mutant {
    /// Returns its name without its place: of `12:5: replace …` what follows.
    pub(super) fn description(&self) -> &str {
        let parts = self.name.split_once(": ");
        parts.map_or(&self.name, |(_, description)| description)
    }
}

/// What kind of thing is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Genre {
    /// The body of a function becomes a value.
    FnValue,
    /// An operator between two operands becomes another.
    BinaryOperator,
    /// An operator before an operand goes.
    UnaryOperator,
    /// An arm of a match goes.
    MatchArm,
    /// The condition of an arm is always, or never, true.
    MatchArmGuard,
    /// A field goes, where the others come from a base.
    StructField,
}

impl Genre {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "FnValue" => Self::FnValue,
            "BinaryOperator" => Self::BinaryOperator,
            "UnaryOperator" => Self::UnaryOperator,
            "MatchArm" => Self::MatchArm,
            "MatchArmGuard" => Self::MatchArmGuard,
            "StructField" => Self::StructField,
            _ => return None,
        })
    }
}

/// A place in a file: line and column, in characters, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) column: usize,
}

/// Installs cargo-mutants below a directory, once.
pub(super) fn install(directory: &Path) -> Result<PathBuf> {
    let root = directory.join(format!("cargo-mutants-{VERSION}"));
    let program = root.join("bin/cargo-mutants");
    if !program.exists() {
        let package = format!("cargo-mutants@{VERSION}");
        Program::cargo()
            .args(["install", "--locked", &package, "--root"])
            .args([&root])
            .run()?;
    }
    Ok(program)
}

/// Lists the mutants of a subject's files.
pub(super) fn list(program: &Path, subject: &Subject) -> Result<Vec<Mutant>> {
    let listed = Program::new(program)
        .outside_cargo()
        .args(["mutants", "--list", "--json", "--package", subject.package])
        .args(subject.files.iter().flat_map(|file| ["--file", file]))
        .read()?;
    read(&listed)
}

/// Reads cargo-mutants' list.
fn read(listed: &str) -> Result<Vec<Mutant>> {
    let listed: Vec<Value> = serde_json::from_str(listed).context("cargo-mutants' list")?;
    let mut met: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mutants = listed.iter().enumerate().map(|(number, mutant)| {
        let text = |field: &str| {
            let text = mutant[field].as_str();
            text.with_context(|| format!("a mutant of cargo-mutants' list has no `{field}`"))
        };
        let (file, name) = (text("file")?, text("name")?);
        let Some(genre) = Genre::named(text("genre")?) else {
            bail!("{name}: its genre is not known");
        };
        let place = |end: &str| {
            let part = |part: &str| mutant["span"][end][part].as_u64();
            let (line, column) = part("line").zip(part("column"))?;
            Some(Place {
                line: usize::try_from(line).ok()?,
                column: usize::try_from(column).ok()?,
            })
        };
        let places = place("start").zip(place("end"));
        let (start, end) = places.with_context(|| format!("{name}: it has no place"))?;
        let name = name.strip_prefix(file).unwrap_or(name);
        let mut mutant = Mutant {
            number,
            file: file.into(),
            name: name.trim_start_matches(':').into(),
            genre,
            replacement: text("replacement")?.into(),
            start,
            end,
        };
        let key = (mutant.file.clone(), mutant.description().to_string());
        let count = met.entry(key).or_default();
        *count += 1;
        if *count > 1 {
            write!(mutant.name, " ({count})")?;
        }
        Ok(mutant)
    });
    mutants.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mutants_that_are_described_alike_have_names_of_their_own() {
        let mutant = |line: usize, what: &str| {
            serde_json::json!({
                "package": "a",
                "file": "a/src/b.rs",
                "name": format!("a/src/b.rs:{line}:7: {what}"),
                "genre": "BinaryOperator",
                "replacement": "-",
                "span": {
                    "start": { "line": line, "column": 7 },
                    "end": { "line": line, "column": 8 },
                },
            })
        };
        let same = "replace + with - in f";
        let listed = [
            mutant(3, same),
            mutant(4, same),
            mutant(5, "replace * with - in f"),
        ];
        let listed = serde_json::Value::from(listed.to_vec()).to_string();
        let mutants = read(&listed).unwrap();
        let names: Vec<&str> = mutants.iter().map(|mutant| mutant.name.as_str()).collect();
        let second = "4:7: replace + with - in f (2)";
        assert_eq!(
            names,
            [
                "3:7: replace + with - in f",
                second,
                "5:7: replace * with - in f"
            ]
        );
        assert_eq!(mutants[1].description(), "replace + with - in f (2)");
        assert_eq!(mutants[1].start, Place { line: 4, column: 7 });
    }
}
