//! Why a mutant may survive.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::list::Mutant;
use super::outcomes::{Known, Outcome};

/// Reasons by file, then by the mutant's description without its place: a line that
/// moves takes its reason along.
pub(super) type Reasons = BTreeMap<String, BTreeMap<String, String>>;

/// Reads `xtask/mutants.toml`: a table for each file, of descriptions and reasons.
pub(super) fn read(path: &Path) -> Result<Reasons> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("reading {}", path.display()))
}

/// Returns the reasons that no mutant needs which was tried: it is gone, or was caught.
pub(super) fn unused(
    reasons: &Reasons,
    listed: &[(&str, Vec<Mutant>)],
    known: &Known,
) -> Vec<String> {
    let mutants = || listed.iter().flat_map(|(_, mutants)| mutants);
    let is_used = |file: &str, description: &str| {
        let mut named = mutants().filter(|mutant| mutant.file == file);
        named.any(|mutant| {
            let outcome = known.of(mutant);
            mutant.description() == description && matches!(outcome, None | Some(Outcome::Missed))
        })
    };
    let mut unused = Vec::new();
    for (file, reasons) in reasons {
        for description in reasons.keys() {
            if !is_used(file, description) {
                unused.push(format!("{file}: {description}"));
            }
        }
    }
    unused
}
