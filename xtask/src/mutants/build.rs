//! One build with all mutants in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::constant::{self, Constant};
use super::guard::{Guarded, LeftOut, guard};
use super::list::Mutant;
use super::{PROFILE, Subject};
use crate::command::Program;

/// How often the compiler is asked again without what it refused. It looks at types
/// before it looks at borrows, so that it takes a few rounds.
const ROUNDS: usize = 30;
/// What is put at the end of the crate's root.
const SWITCH: &str = include_str!("switch.rs");

/// What was built.
pub(super) struct Built {
    /// The test binaries.
    pub(super) binaries: Vec<Binary>,
    /// The mutants that do not compile.
    pub(super) unviable: BTreeSet<usize>,
    /// The mutants that cannot be switched.
    pub(super) left_out: BTreeMap<usize, LeftOut>,
}

/// A test binary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Binary {
    /// Package and target.
    pub(super) name: String,
    pub(super) program: PathBuf,
    /// The directory of its package, where its tests run.
    pub(super) directory: PathBuf,
}

/// Builds the tests of a subject over a copy of the repository with all its mutants in
/// it, but those that are known not to compile.
pub(super) fn build(
    place: &Path,
    root: &Path,
    subject: &Subject,
    mutants: &[Mutant],
    mut unviable: BTreeSet<usize>,
) -> Result<Built> {
    let copy = place.join("source");
    let texts = copy_repository(root, &copy)?;
    let mut left_out = BTreeMap::new();
    for _ in 0..ROUNDS {
        let guarded = loop {
            let without = |mutant: &&Mutant| {
                !unviable.contains(&mutant.number) && !left_out.contains_key(&mutant.number)
            };
            let tried: Vec<&Mutant> = mutants.iter().filter(without).collect();
            let guarded = put_in(subject, &tried, &texts)?;
            let before = unviable.len() + left_out.len();
            for (number, why) in guarded.values().flat_map(|file| &file.left_out) {
                match why {
                    LeftOut::Unparsable => {
                        unviable.insert(*number);
                    }
                    LeftOut::Constant | LeftOut::Opaque => {
                        left_out.insert(*number, *why);
                    }
                }
            }
            // What one file leaves out, others are to leave out as well.
            if unviable.len() + left_out.len() == before {
                break guarded;
            }
        };
        write(&copy, subject, mutants.len(), &texts, &guarded)?;
        let said = compile(place, &copy, subject)?;
        let refused = refused(&said, &guarded)?;
        if refused.is_empty() {
            let binaries = binaries(&said);
            return Ok(Built {
                binaries,
                unviable,
                left_out,
            });
        }
        println!(
            "{} mutants do not compile; again without them",
            refused.len()
        );
        unviable.extend(refused);
    }
    bail!("the compiler refuses more each time; {ROUNDS} times are enough")
}

/// Copies what git knows or does not ignore. Returns the texts of the files of Rust.
fn copy_repository(root: &Path, copy: &Path) -> Result<BTreeMap<String, String>> {
    let listed = Program::new("git")
        .directory(root)
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .read()?;
    let mut texts = BTreeMap::new();
    for file in listed.split('\0').filter(|file| !file.is_empty()) {
        let from = root.join(file);
        if !from.is_file() {
            continue;
        }
        let bytes = fs::read(&from).with_context(|| format!("cannot read {}", from.display()))?;
        if file.ends_with(".rs")
            && let Ok(text) = String::from_utf8(bytes.clone())
        {
            // Written with its mutants.
            texts.insert(file.to_string(), text);
            continue;
        }
        put(&copy.join(file), &bytes)?;
    }
    Ok(texts)
}

/// Writes a file unless it is so already: what did not change is not built again.
fn put(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    let failed = || format!("cannot write {}", path.display());
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).with_context(failed)?;
    }
    fs::write(path, bytes).with_context(failed)
}

/// Puts mutants into the files of a subject's package.
fn put_in(
    subject: &Subject,
    mutants: &[&Mutant],
    texts: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, Guarded>> {
    let mut by_file: BTreeMap<&str, Vec<&Mutant>> = BTreeMap::new();
    for mutant in mutants {
        by_file.entry(&mutant.file).or_default().push(mutant);
    }
    let sources = format!("{}/src/", subject.directory);
    let texts = || texts.iter().filter(|(file, _)| file.starts_with(&sources));
    let mut constants: BTreeMap<String, Vec<Constant>> = BTreeMap::new();
    for (file, text) in texts() {
        if let Some(mutants) = by_file.get_mut(file.as_str()) {
            let found = constant::constants(text, mutants).with_context(|| file.clone())?;
            let numbers = found.iter().flat_map(|constant| &constant.alternatives);
            mutants.retain(|mutant| !numbers.clone().any(|(number, _)| *number == mutant.number));
            constants.insert(file.clone(), found);
        }
    }
    let mut guarded = BTreeMap::new();
    for (file, text) in texts() {
        let mutants = by_file.remove(file.as_str()).unwrap_or_default();
        let seen = constant::seen_in(file, &constants);
        let with = guard(text, &mutants, &seen).with_context(|| file.clone())?;
        guarded.insert(file.clone(), with);
    }
    if let Some(file) = by_file.keys().next() {
        bail!("{file} has mutants and is not below {sources}");
    }
    Ok(guarded)
}

/// Writes the files of Rust, those of the subject with their `count` mutants.
fn write(
    copy: &Path,
    subject: &Subject,
    count: usize,
    texts: &BTreeMap<String, String>,
    guarded: &BTreeMap<String, Guarded>,
) -> Result<()> {
    let crate_root = format!("{}/src/lib.rs", subject.directory);
    for (file, text) in texts {
        let mut text = guarded.get(file).map_or(text, |with| &with.text).clone();
        if *file == crate_root {
            text.push_str(&SWITCH.replace("COUNT", &count.to_string()));
        }
        put(&copy.join(file), text.as_bytes())?;
    }
    Ok(())
}

/// Has cargo build the tests; returns what it and the compiler said, line by line.
fn compile(place: &Path, copy: &Path, subject: &Subject) -> Result<Vec<Value>> {
    let packages: BTreeSet<&str> = subject.tests.iter().map(|test| test.package).collect();
    let mut cargo = Program::cargo()
        .directory(copy)
        .env("CARGO_TARGET_DIR", place.join("build"))
        .args(["test", "--no-run", "--locked", "--profile", PROFILE])
        .args(["--message-format", "json"]);
    for package in packages {
        cargo = cargo.args(["--package", package]);
    }
    let targets: BTreeSet<&str> = subject.tests.iter().map(|test| test.target).collect();
    for target in targets {
        cargo = match target {
            "" => cargo.args(["--lib"]),
            target => cargo.args(["--test", target]),
        };
    }
    let said = cargo.read_whatever()?;
    let lines = said.lines().filter(|line| line.starts_with('{'));
    lines
        .map(|line| serde_json::from_str(line).context("reading what cargo said"))
        .collect()
}

/// Finds the mutants that the compiler refused: those in whose text, or in the choice of
/// which, an error is.
fn refused(said: &[Value], guarded: &BTreeMap<String, Guarded>) -> Result<BTreeSet<usize>> {
    let mut refused = BTreeSet::new();
    for line in said {
        let message = &line["message"];
        if line["reason"] != "compiler-message" || message["level"] != "error" {
            continue;
        }
        let spans = message["spans"].as_array().map_or(&[][..], Vec::as_slice);
        if spans.is_empty() {
            // "aborting due to 3 previous errors"
            continue;
        }
        match blamed(spans, guarded) {
            Some(mutants) => refused.extend(mutants),
            None => {
                let rendered = message["rendered"].as_str().unwrap_or_default();
                bail!("an error that is no mutant's:\n{rendered}");
            }
        }
    }
    let finished = said.iter().find(|line| line["reason"] == "build-finished");
    let done = finished.is_some_and(|line| line["success"] == true);
    if refused.is_empty() && !done {
        bail!("the tests were not built, and no mutant is the reason");
    }
    Ok(refused)
}

fn blamed(spans: &[Value], guarded: &BTreeMap<String, Guarded>) -> Option<Vec<usize>> {
    let is_primary = |span: &&Value| span["is_primary"] == true;
    let primary = spans.iter().filter(is_primary);
    let secondary = spans.iter().filter(|span| !is_primary(span));
    let in_order: Vec<&Value> = primary.chain(secondary).collect();
    // The text of a mutant itself, rather than what it is chosen from.
    [true, false].into_iter().find_map(|mutated| {
        let mut spans = in_order.iter();
        spans.find_map(|span| innermost(span, guarded, mutated))
    })
}

/// Returns the mutants of the smallest part that a span of the compiler's is in.
fn innermost(
    span: &Value,
    guarded: &BTreeMap<String, Guarded>,
    mutated: bool,
) -> Option<Vec<usize>> {
    let file = guarded.get(span["file_name"].as_str()?)?;
    let offset = |end: &str| usize::try_from(span[end].as_u64()?).ok();
    let (start, end) = offset("byte_start").zip(offset("byte_end"))?;
    let parts = file.parts.iter().filter(|part| {
        part.mutated == mutated && part.range.start <= start && end <= part.range.end
    });
    let part = parts.min_by_key(|part| part.range.len())?;
    Some(part.mutants.clone())
}

fn binaries(said: &[Value]) -> Vec<Binary> {
    let mut binaries: Vec<Binary> = said.iter().filter_map(binary).collect();
    binaries.sort_by(|a, b| a.name.cmp(&b.name));
    binaries
}

fn binary(line: &Value) -> Option<Binary> {
    if line["reason"] != "compiler-artifact" || line["profile"]["test"] != true {
        return None;
    }
    let program = line["executable"].as_str()?.into();
    let directory = Path::new(line["manifest_path"].as_str()?).parent()?;
    let package = directory.file_name()?.to_string_lossy();
    let target = line["target"]["name"].as_str()?;
    Some(Binary {
        name: format!("{package}/{target}"),
        program,
        directory: directory.to_path_buf(),
    })
}
