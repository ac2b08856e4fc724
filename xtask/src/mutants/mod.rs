//! `cargo xtask mutants`: changes the core and the contract in small ways, one at a time,
//! and looks whether a test notices.
//!
//! cargo-mutants says which changes there are. All of them go into one copy of the source,
//! each behind a switch that an environment variable turns, so that there is one build for
//! all. Each test is run once to see which switches it meets; then, for each mutant, the
//! tests that meet its switch, the quickest first, until one fails.

mod build;
mod constant;
mod guard;
mod list;
mod outcomes;
mod page;
mod reasons;
mod tried;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Mutex;

use anyhow::Result;

use self::guard::LeftOut;
use self::list::Mutant;
use self::outcomes::{Known, Outcome};
use crate::repository::Repository;

/// The profile of the builds, in `Cargo.toml`.
const PROFILE: &str = "mutants";

/// What is changed, and what looks.
struct Subject {
    /// What the page calls it.
    title: &'static str,
    package: &'static str,
    /// The directory of the package.
    directory: &'static str,
    /// What is changed. Globs of cargo-mutants.
    files: &'static [&'static str],
    /// What looks.
    tests: &'static [TestTarget],
    /// The environment of the tests.
    variables: &'static [(&'static str, &'static str)],
}

/// A target whose tests look.
struct TestTarget {
    package: &'static str,
    /// The name of the target; empty for the library.
    target: &'static str,
}

const fn tests(package: &'static str, target: &'static str) -> TestTarget {
    TestTarget { package, target }
}

/// Rules, and what decides over them; and who may do what over HTTP.
const SUBJECTS: [Subject; 2] = [
    Subject {
        title: "Core",
        package: "workspace-core",
        directory: "crates/core",
        files: &[
            "crates/core/src/glob.rs",
            "crates/core/src/glob/**",
            "crates/core/src/grant.rs",
            "crates/core/src/view.rs",
            "crates/core/src/view/**",
            "crates/core/src/workspace/**",
            "crates/core/src/tree/**",
        ],
        tests: &[
            tests("workspace-core", ""),
            tests("workspace-core", "semantics"),
            tests("workspace-core", "memory"),
            // Rows that do not decode are there in SQL only.
            tests("workspace-sql", "it"),
            tests("workspace-testkit", "damage"),
            tests("workspace-testkit", "model"),
            tests("workspace-testkit", "properties"),
            tests("workspace-testkit", "interleave"),
            tests("workspace-testkit", "regressions"),
        ],
        variables: &[("INTERLEAVE", "0-49"), SEED],
    },
    Subject {
        title: "HTTP",
        package: "workspace-http",
        directory: "crates/http",
        files: &["crates/http/src/access.rs", "crates/http/src/routes/**"],
        tests: &[tests("workspace-http", ""), tests("workspace-http", "it")],
        variables: &[("INSTA_UPDATE", "no"), SEED],
    },
];

/// Properties look at the same cases each time, as what they meet is noted once.
const SEED: (&str, &str) = ("PROPTEST_RNG_SEED", "1");

/// What to change.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only files whose path begins so, such as `crates/core/src/tree/`; can be
    /// repeated.
    #[arg(long)]
    file: Vec<String>,
    /// Only tests whose name has this in it, with their binary's before:
    /// `core/semantics views`; what survives them is not noted.
    #[arg(long)]
    test: Option<String>,
    /// Also those that were caught before: a test may be gone since.
    #[arg(long)]
    again: bool,
    /// Makes the page again from what earlier runs found.
    #[arg(long)]
    only_page: bool,
}

impl Options {
    fn chooses(&self, file: &str) -> bool {
        let mut chosen = self.file.iter();
        self.file.is_empty() || chosen.any(|prefix| file.starts_with(prefix.as_str()))
    }
}

/// Tries the mutants, and writes `docs/mutants.md`.
pub(crate) fn run(repository: &Repository, options: &Options) -> Result<()> {
    let directory = repository.target.join("mutants");
    let program = list::install(&directory)?;
    let kept = directory.join("outcomes.json");
    let mut known = Known::read(&kept)?;
    let mut listed = Vec::new();
    for subject in &SUBJECTS {
        let mutants = list::list(&program, subject)?;
        let chosen = mutants.iter().any(|mutant| options.chooses(&mutant.file));
        if chosen && !options.only_page {
            known = attempt(repository, options, subject, &mutants, known)?;
        }
        listed.push((subject.title, mutants));
    }
    let reasons = reasons::read(&repository.root.join("xtask/mutants.toml"))?;
    for unused in reasons::unused(&reasons, &listed, &known) {
        println!("xtask/mutants.toml has a reason for what has not survived: {unused}");
    }
    let page = repository.root.join("docs/mutants.md");
    page::write(&page, &listed, &known, &reasons)?;
    println!("written to {}", page.display());
    Ok(())
}

/// Builds a subject with its mutants, and runs the tests against those that are chosen.
fn attempt(
    repository: &Repository,
    options: &Options,
    subject: &Subject,
    mutants: &[Mutant],
    mut known: Known,
) -> Result<Known> {
    let directory = repository.target.join("mutants");
    fs::create_dir_all(&directory)?;
    let is = |mutant: &Mutant, outcome| known.of(mutant) == Some(outcome);
    let unviable = mutants
        .iter()
        .filter(|mutant| is(mutant, Outcome::Unviable));
    let unviable: BTreeSet<usize> = unviable.map(|mutant| mutant.number).collect();
    let built = build::build(&directory, &repository.root, subject, mutants, unviable)?;
    for mutant in mutants {
        if built.unviable.contains(&mutant.number) {
            known.set(mutant, Outcome::Unviable);
        }
        match built.left_out.get(&mutant.number) {
            Some(LeftOut::Constant) => known.set(mutant, Outcome::Constant),
            Some(LeftOut::Opaque) => known.set(mutant, Outcome::Opaque),
            Some(LeftOut::Unparsable) | None => {}
        }
    }
    // What does not compile is not tried again, even where this run is ended.
    let kept = directory.join("outcomes.json");
    known.write(&kept)?;
    let mut found = tried::meet(&directory, subject, &built.binaries)?;
    if let Some(wanted) = &options.test {
        found.retain(|test| test.full_name().contains(wanted.as_str()));
    }
    let to_try: BTreeMap<usize, &Mutant> = mutants
        .iter()
        .filter(|mutant| options.chooses(&mutant.file))
        .filter(|mutant| match known.of(mutant) {
            None | Some(Outcome::Missed) => true,
            Some(Outcome::Caught | Outcome::Timeout) => options.again,
            Some(Outcome::Unviable | Outcome::Constant | Outcome::Opaque) => false,
        })
        .map(|mutant| (mutant.number, mutant))
        .collect();
    let numbers: Vec<usize> = to_try.keys().copied().collect();
    let total = numbers.len();
    println!(
        "{}: {total} mutants against {} tests",
        subject.title,
        found.len()
    );
    let progress = Mutex::new((known, 0));
    tried::attempt(subject, &found, &numbers, |number, outcome, test| {
        let Some(mutant) = to_try.get(&number) else {
            return;
        };
        let mut progress = progress
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let (known, done) = &mut *progress;
        *done += 1;
        let by = test.map_or_else(String::new, |test| format!(" by {}", test.full_name()));
        println!(
            "{done}/{total} {} {}:{}{by}",
            outcome.name(),
            mutant.file,
            mutant.name
        );
        if outcome != Outcome::Missed || options.test.is_none() {
            known.set(mutant, outcome);
        }
        if let Err(error) = known.write(&kept) {
            println!("{error:#}");
        }
    })?;
    let (known, _) = progress
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    known.write(&kept)?;
    Ok(known)
}
