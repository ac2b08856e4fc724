//! What is there after workerd was killed.

use anyhow::{Context, Result};
use serde_json::Value;

use super::KILLS;
use crate::Bench;
use crate::figures::{Limit, Section};

/// How many kills there are to be, and in a run with smaller sizes.
const SURVIVED: f64 = 200.0;
const SURVIVED_QUICK: f64 = 8.0;

/// Makes the section of what was found before.
pub(crate) fn measure(bench: &Bench) -> Result<Section> {
    let mut section = Section::new(
        "In workerd: durability",
        "Four writers over HTTP, each in turn a write to head, a copy of two files that is applied, and a \
         tar import of 20 files, and one collector; after about a second workerd gets SIGKILL, starts \
         again, and everything is compared: each acknowledged step is there and whole, nothing is there \
         by halves, and `fsck` of all contents finds nothing. Any difference ends the run.",
    );
    let found = std::fs::read_to_string(bench.target.join(KILLS)).context("what was found")?;
    let found: Value = serde_json::from_str(&found)?;
    let count = |what: &str| found[what].as_f64().with_context(|| format!("no {what}"));
    let kills = count("kills")?;
    let limit = match bench.quick {
        true => SURVIVED_QUICK,
        false => SURVIVED,
    };
    section.held("kills survived", kills, "kills", Limit::AtLeast(limit));
    for (what, name) in [
        ("writes", "acknowledged writes, all there"),
        ("applies", "acknowledged applies, all there"),
        ("imports", "acknowledged imports, all there"),
        ("steps", "steps of collection meanwhile"),
    ] {
        section.shown(name, count(what)?, "");
    }
    Ok(section)
}
