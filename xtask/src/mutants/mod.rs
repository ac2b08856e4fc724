//! `cargo xtask mutants`: changes the core in small ways, one at a time, and looks
//! whether a test notices.

mod page;
mod reasons;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::command::Program;
use crate::repository::Repository;

/// The release of cargo-mutants that is installed.
const VERSION: &str = "27.1.0";
/// What is changed: rules, and what decides over them. Globs of cargo-mutants.
const FILES: [&str; 7] = [
    "crates/core/src/glob.rs",
    "crates/core/src/glob/**",
    "crates/core/src/grant.rs",
    "crates/core/src/view.rs",
    "crates/core/src/view/**",
    "crates/core/src/workspace/**",
    "crates/core/src/tree/**",
];
/// The targets of core and testkit whose tests look, and with them what has to be
/// built for each mutant.
const TARGETS: [&str; 6] = [
    "--lib",
    "--test=semantics",
    "--test=model",
    "--test=properties",
    "--test=interleave",
    "--test=regressions",
];
/// How long the tests of one mutant may take, in seconds: one that loops for ever is
/// caught by that.
const TIMEOUT: &str = "600";
/// The profile of the builds, in `Cargo.toml`, and of the tests, in
/// `.config/nextest.toml`.
const PROFILE: &str = "mutants";
/// The seeds of interleaved tasks that each mutant has to get past.
const SEEDS: &str = "0-49";

/// What to change.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only files that match this glob, such as `crates/core/src/tree/*`; can be
    /// repeated.
    #[arg(long)]
    file: Vec<String>,
    /// Only this part of the mutants, such as `0/8`.
    #[arg(long)]
    shard: Option<String>,
    /// Makes the page again from what earlier runs found.
    #[arg(long)]
    only_page: bool,
}

/// What became of each mutant of a file, by its name without the file's.
type Outcomes = BTreeMap<String, Outcome>;

/// What became of a mutant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// A test failed.
    Caught,
    /// The tests had no end.
    Timeout,
    /// It does not compile.
    Unviable,
    /// All tests passed.
    Missed,
}

impl Outcome {
    const ALL: [(&'static str, Self); 4] = [
        ("CaughtMutant", Self::Caught),
        ("Timeout", Self::Timeout),
        ("Unviable", Self::Unviable),
        ("MissedMutant", Self::Missed),
    ];

    fn named(summary: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|(name, _)| *name == summary).map(|(_, it)| it)
    }

    fn name(self) -> &'static str {
        let mut all = Self::ALL.into_iter();
        all.find(|(_, it)| *it == self).map_or("", |(name, _)| name)
    }
}

/// What is known of a file: how many mutants it has, and what became of those that
/// were tried since it last changed.
struct Module {
    file: String,
    mutants: usize,
    outcomes: Outcomes,
}

/// Tries the mutants, and writes `docs/mutants.md`.
pub(crate) fn run(repository: &Repository, options: &Options) -> Result<()> {
    let directory = repository.target.join("mutants");
    let program = install(&directory)?;
    let kept = directory.join("outcomes.json");
    let mut known = read(&kept)?;
    if !options.only_page {
        let code = attempt(&program, &directory, options)?;
        // Also where it was ended before its time.
        for (file, found) in found(&directory)? {
            known.entry(file).or_default().extend(found);
        }
        write(&kept, &known)?;
        // cargo-mutants ends with 2 where a mutant was missed, 3 where one had no end.
        if ![0, 2, 3].contains(&code) {
            bail!("cargo-mutants ended with {code}");
        }
    }
    let mut modules: BTreeMap<String, usize> = BTreeMap::new();
    for mutant in list(&program)? {
        *modules.entry(mutant).or_default() += 1;
    }
    let modules = modules.into_iter().map(|(file, mutants)| {
        let outcomes = known.remove(&file).unwrap_or_default();
        Module {
            file,
            mutants,
            outcomes,
        }
    });
    let reasons = reasons::read(&repository.root.join("xtask/mutants.toml"))?;
    let page = repository.root.join("docs/mutants.md");
    page::write(&page, &modules.collect::<Vec<_>>(), &reasons)?;
    println!("written to {}", page.display());
    Ok(())
}

/// Installs cargo-mutants below the target folder, once.
fn install(directory: &Path) -> Result<PathBuf> {
    let root = directory.join(format!("cargo-mutants-{VERSION}"));
    let program = root.join("bin/cargo-mutants");
    if !program.exists() {
        let package = format!("cargo-mutants@{VERSION}");
        Program::cargo()
            .args(["install", "--locked", &package, "--root"])
            .args([&root])
            .run()?;
    }
    if !crate::tools::has_nextest() {
        bail!("cargo-nextest is missing: install it with `cargo install --locked cargo-nextest`");
    }
    Ok(program)
}

/// Runs the tests against each mutant; returns the code that cargo-mutants ends with.
fn attempt(program: &Path, directory: &Path, options: &Options) -> Result<i32> {
    let chosen: Vec<&str> = match options.file.is_empty() {
        true => FILES.to_vec(),
        false => options.file.iter().map(String::as_str).collect(),
    };
    let mutants = Program::new(program)
        .outside_cargo()
        .args(["mutants", "--package", "workspace-core"])
        .args(["--test-package", "workspace-core,workspace-testkit"])
        .args(["--test-tool", "nextest", "--profile", PROFILE])
        // The gate tells whether the tests pass without a mutant.
        .args(["--baseline", "skip", "--timeout", TIMEOUT])
        // A shard is a fair sample of all files.
        .args(["--sharding", "round-robin"])
        .args(["--jobs", "1", "--no-shuffle", "--output"])
        .args([directory])
        .args(chosen.iter().flat_map(|file| ["--file", file]))
        .args(options.shard.iter().flat_map(|shard| ["--shard", shard]))
        .args(["--"])
        .args(TARGETS);
    // Built in one place, so that what no mutant touches is built once.
    mutants
        .env("CARGO_TARGET_DIR", directory.join("build"))
        .env("NEXTEST_PROFILE", PROFILE)
        .env("INTERLEAVE", SEEDS)
        .code()
}

/// Reads what became of the mutants of the last run, by file.
fn found(directory: &Path) -> Result<BTreeMap<String, Outcomes>> {
    let report = directory.join("mutants.out/outcomes.json");
    let report = fs::read_to_string(&report).context("cargo-mutants left no report")?;
    let report: Value = serde_json::from_str(&report)?;
    let mut found: BTreeMap<String, Outcomes> = BTreeMap::new();
    for outcome in report["outcomes"].as_array().into_iter().flatten() {
        let mutant = &outcome["scenario"]["Mutant"];
        let (Some(file), Some(name)) = (mutant["file"].as_str(), mutant["name"].as_str()) else {
            continue;
        };
        let summary = outcome["summary"].as_str().unwrap_or_default();
        let outcome = Outcome::named(summary)
            .with_context(|| format!("{name}: `{summary}` is no outcome that is known"))?;
        let name = name.strip_prefix(file).unwrap_or(name);
        let name = name.trim_start_matches(':').to_string();
        found.entry(file.into()).or_default().insert(name, outcome);
    }
    Ok(found)
}

/// Lists the file of each mutant that there is.
fn list(program: &Path) -> Result<Vec<String>> {
    let listed = Program::new(program)
        .outside_cargo()
        .args(["mutants", "--list", "--json", "--package", "workspace-core"])
        .args(FILES.iter().flat_map(|file| ["--file", file]))
        .read()?;
    let listed: Vec<Value> = serde_json::from_str(&listed).context("cargo-mutants' list")?;
    let files = listed.iter().filter_map(|mutant| mutant["file"].as_str());
    Ok(files.map(String::from).collect())
}

/// Reads what earlier runs found, of files that have not changed since.
fn read(path: &Path) -> Result<BTreeMap<String, Outcomes>> {
    let mut known = BTreeMap::new();
    let Ok(text) = fs::read_to_string(path) else {
        return Ok(known);
    };
    let kept: BTreeMap<String, Value> =
        serde_json::from_str(&text).with_context(|| format!("reading {}", path.display()))?;
    for (file, kept) in kept {
        if kept["hash"].as_str() != Some(&hash(&file)) {
            continue;
        }
        let outcomes = kept["outcomes"].as_object().into_iter().flatten();
        let outcomes = outcomes.filter_map(|(name, outcome)| {
            let outcome = Outcome::named(outcome.as_str()?)?;
            Some((name.clone(), outcome))
        });
        known.insert(file, outcomes.collect());
    }
    Ok(known)
}

fn write(path: &Path, known: &BTreeMap<String, Outcomes>) -> Result<()> {
    let kept: BTreeMap<&String, Value> = known
        .iter()
        .map(|(file, outcomes)| {
            let outcomes: BTreeMap<_, _> = outcomes
                .iter()
                .map(|(name, outcome)| (name, outcome.name()))
                .collect();
            (file, json!({ "hash": hash(file), "outcomes": outcomes }))
        })
        .collect();
    fs::write(path, serde_json::to_string_pretty(&kept)?)
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Returns the SHA-256 of a file of the repository; that of nothing where it is gone.
fn hash(file: &str) -> String {
    let bytes = fs::read(file).unwrap_or_default();
    let hash = Sha256::digest(&bytes);
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}
