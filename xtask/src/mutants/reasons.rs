//! Why a mutant may survive.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// Reasons by file, then by the mutant's description without its place: a line that
/// moves takes its reason along.
pub(super) type Reasons = BTreeMap<String, BTreeMap<String, String>>;

/// Reads `xtask/mutants.toml`: a table for each file, of descriptions and reasons.
pub(super) fn read(path: &Path) -> Result<Reasons> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("reading {}", path.display()))
}

/// Returns a mutant's description without its place: of `12:5: replace …` what follows.
pub(super) fn description(name: &str) -> &str {
    name.split_once(": ").map_or(name, |(_, rest)| rest)
}
