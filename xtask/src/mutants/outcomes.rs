//! What became of mutants, kept from run to run.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::list::Mutant;

/// What became of a mutant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// A test failed.
    Caught,
    /// A test had no end.
    Timeout,
    /// It does not compile.
    Unviable,
    /// All tests passed.
    Missed,
    /// It was not tried: the compiler computes what it changes.
    Constant,
    /// It was not tried: its function returns what has no other type's value.
    Opaque,
}

impl Outcome {
    const ALL: [(&'static str, Self); 6] = [
        ("caught", Self::Caught),
        ("timeout", Self::Timeout),
        ("unviable", Self::Unviable),
        ("missed", Self::Missed),
        ("constant", Self::Constant),
        ("opaque", Self::Opaque),
    ];

    fn named(name: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|(known, _)| *known == name).map(|(_, it)| it)
    }

    pub(super) fn name(self) -> &'static str {
        let mut all = Self::ALL.into_iter();
        all.find(|(_, it)| *it == self).map_or("", |(name, _)| name)
    }
}

/// What became of the mutants of files that have not changed since.
#[derive(Default)]
pub(super) struct Known(BTreeMap<String, File>);

struct File {
    hash: String,
    outcomes: BTreeMap<String, Outcome>,
}

impl Known {
    /// Reads what earlier runs found.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let Ok(text) = fs::read_to_string(path) else {
            return Ok(Self::default());
        };
        let kept: BTreeMap<String, Value> =
            serde_json::from_str(&text).with_context(|| format!("reading {}", path.display()))?;
        let mut known = BTreeMap::new();
        for (file, kept) in kept {
            let hash = hash(&file);
            if kept["hash"].as_str() != Some(&hash) {
                continue;
            }
            let outcomes = kept["outcomes"].as_object().into_iter().flatten();
            let outcomes = outcomes.filter_map(|(name, outcome)| {
                let outcome = Outcome::named(outcome.as_str()?)?;
                Some((name.clone(), outcome))
            });
            let outcomes = outcomes.collect();
            known.insert(file, File { hash, outcomes });
        }
        Ok(Self(known))
    }

    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let kept: BTreeMap<&String, Value> =
            self.0.iter().map(|(file, it)| (file, it.json())).collect();
        fs::write(path, serde_json::to_string_pretty(&kept)?)
            .with_context(|| format!("cannot write {}", path.display()))
    }

    pub(super) fn of(&self, mutant: &Mutant) -> Option<Outcome> {
        self.0
            .get(&mutant.file)?
            .outcomes
            .get(&mutant.name)
            .copied()
    }

    pub(super) fn set(&mut self, mutant: &Mutant, outcome: Outcome) {
        let file = self.0.entry(mutant.file.clone()).or_insert_with(|| File {
            hash: hash(&mutant.file),
            outcomes: BTreeMap::new(),
        });
        file.outcomes.insert(mutant.name.clone(), outcome);
    }
}

impl File {
    fn json(&self) -> Value {
        let outcomes = self.outcomes.iter();
        let outcomes: BTreeMap<_, _> = outcomes.map(|(name, it)| (name, it.name())).collect();
        json!({ "hash": self.hash, "outcomes": outcomes })
    }
}

/// Returns the SHA-256 of a file of the repository but for its tests, which stand at its
/// end; that of nothing where it is gone.
fn hash(file: &str) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    let source = text.split("\n#[cfg(test)]\nmod tests").next();
    let hash = Sha256::digest(source.unwrap_or_default());
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}
