//! Which tests meet which mutant, and which of them fail where it is on.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use sha2::{Digest as _, Sha256};

use super::build::Binary;
use super::{Outcome, Subject};
use crate::command::Program;

/// How many tests run at once.
const WORKERS: usize = 2;
/// How much more of the processor's time than usual a test may take before it is said to
/// have no end. Time on the clock says little on a machine with other work.
const SLOWER: f64 = 10.0;
/// What is added to that, in seconds.
const SLACK: f64 = 3.0;
/// How long a test may take that waits for something, by the clock.
const PATIENCE: Duration = Duration::from_secs(300);
/// What the memory of a test may grow to, in KiB: one that takes ever more ends there.
const MEMORY: usize = 6 << 20;

/// A test, and what it does without a mutant.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Test {
    pub(super) binary: Binary,
    pub(super) name: String,
    pub(super) seconds: f64,
    /// The mutants that it meets.
    pub(super) meets: BTreeSet<usize>,
}

impl Test {
    /// Returns its name with that of its binary.
    pub(super) fn full_name(&self) -> String {
        format!("{} {}", self.binary.name, self.name)
    }

    /// Prepares to run it for up to so many seconds of the processor's time.
    fn program(&self, subject: &Subject, seconds: f64) -> Program {
        // Beside others, and not beyond what the machine has.
        let seconds = seconds.ceil();
        let script =
            format!("ulimit -v {MEMORY}; ulimit -S -t {seconds}; exec nice -n 19 \"$0\" \"$@\"");
        let mut program = Program::new("sh")
            .outside_cargo()
            .directory(&self.binary.directory)
            .args(["-c", &script])
            .args([&self.binary.program])
            .args(["--exact", &self.name, "--test-threads", "1"]);
        for (name, value) in subject.variables {
            program = program.env(name, value);
        }
        program
    }
}

/// Runs each test once, and notes what it meets and how long it takes.
///
/// # Errors
/// Where a test fails.
pub(super) fn meet(place: &Path, subject: &Subject, binaries: &[Binary]) -> Result<Vec<Test>> {
    let mut tests = Vec::new();
    for binary in binaries {
        let kept = place.join(format!("met-{}", fingerprint(&binary.program)?));
        let known = fs::read_to_string(&kept).ok();
        let found = match known.and_then(|known| parse(binary, &known)) {
            Some(found) => found,
            None => {
                let found = run_each(place, subject, binary)?;
                fs::write(&kept, text(&found))?;
                found
            }
        };
        tests.extend(found);
    }
    Ok(tests)
}

/// Returns what tells one build of a binary from another.
fn fingerprint(program: &Path) -> Result<String> {
    let bytes = fs::read(program).with_context(|| format!("cannot read {}", program.display()))?;
    let hash = Sha256::digest(&bytes);
    Ok(hash[..8].iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Writes tests as lines: seconds, what is met, name.
fn text(tests: &[Test]) -> String {
    let line = |test: &Test| {
        let meets: Vec<String> = test.meets.iter().map(usize::to_string).collect();
        format!("{}\t{}\t{}\n", test.seconds, meets.join(","), test.name)
    };
    tests.iter().map(line).collect()
}

fn parse(binary: &Binary, text: &str) -> Option<Vec<Test>> {
    let line = |line: &str| {
        let mut fields = line.splitn(3, '\t');
        let seconds = fields.next()?.parse().ok()?;
        let meets = fields
            .next()?
            .split(',')
            .filter(|number| !number.is_empty());
        Some(Test {
            binary: binary.clone(),
            name: fields.last()?.into(),
            seconds,
            meets: meets
                .map(|number| number.parse().ok())
                .collect::<Option<_>>()?,
        })
    };
    text.lines().map(line).collect()
}

fn run_each(place: &Path, subject: &Subject, binary: &Binary) -> Result<Vec<Test>> {
    let listed = Program::new(&binary.program)
        .outside_cargo()
        .directory(&binary.directory)
        .args(["--list", "--format", "terse"])
        .read()?;
    let names = listed
        .lines()
        .filter_map(|line| line.strip_suffix(": test"));
    let names: Vec<&str> = names.collect();
    println!("{}: {} tests, once each", binary.name, names.len());
    let found = in_parallel(&names, |number, name| {
        let mut test = Test {
            binary: binary.clone(),
            name: (*name).to_string(),
            seconds: 0.0,
            meets: BTreeSet::new(),
        };
        let met = place.join(format!("met-by-{number}"));
        let begun = Instant::now();
        let program = test.program(subject, 600.0).env("MUTANTS_MET", &met);
        let passed = program.within(2 * PATIENCE)?;
        if passed != Some(true) {
            bail!("{} fails without a mutant", test.full_name());
        }
        test.seconds = begun.elapsed().as_secs_f64();
        let numbers = fs::read_to_string(&met).unwrap_or_default();
        // It may have met none.
        let _gone = fs::remove_file(&met);
        let numbers = numbers.lines().map(str::parse);
        test.meets = numbers
            .collect::<Result<_, _>>()
            .context("reading what was met")?;
        Ok(test)
    });
    found.into_iter().collect()
}

/// Calls `call` for each item, on a few threads; returns what it returned, in order.
fn in_parallel<I: Sync, T: Send>(items: &[I], call: impl Fn(usize, &I) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(number) else {
                        return;
                    };
                    let out = call(number, item);
                    let mut done = done
                        .lock()
                        .unwrap_or_else(std::sync::PoisonError::into_inner);
                    done.insert(number, out);
                }
            });
        }
    });
    let done = done
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    done.into_values().collect()
}

/// Turns on each mutant in turn, and runs the tests that meet it, the quickest first,
/// until one fails. Calls `told` with each number, what became of it and the test that
/// told so.
pub(super) fn attempt(
    subject: &Subject,
    tests: &[Test],
    mutants: &[usize],
    told: impl Fn(usize, Outcome, Option<&Test>) + Sync,
) -> Result<()> {
    let mut quickest: Vec<&Test> = tests.iter().collect();
    quickest.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
    let done = in_parallel(mutants, |_, mutant| -> Result<()> {
        for test in quickest.iter().filter(|test| test.meets.contains(mutant)) {
            let seconds = test.seconds * SLOWER + SLACK;
            let program = test.program(subject, seconds);
            let program = program.env("MUTANT", mutant.to_string());
            let outcome = match program.within(PATIENCE)? {
                Some(true) => continue,
                Some(false) => Outcome::Caught,
                None => Outcome::Timeout,
            };
            told(*mutant, outcome, Some(test));
            return Ok(());
        }
        told(*mutant, Outcome::Missed, None);
        Ok(())
    });
    done.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_met_is_read_as_it_was_written() {
        let binary = Binary {
            name: "core/it".into(),
            program: "it".into(),
            directory: ".".into(),
        };
        let test = |name: &str, meets: &[usize]| Test {
            binary: binary.clone(),
            name: name.into(),
            seconds: 0.25,
            meets: meets.iter().copied().collect(),
        };
        let tests = vec![test("a::b", &[]), test("c", &[3, 10])];
        assert_eq!(parse(&binary, &text(&tests)), Some(tests));
        assert_eq!(parse(&binary, "0.5\t1,x\tc\n"), None);
    }

    #[test]
    fn each_item_is_done_once_and_in_order() {
        let items: Vec<usize> = (0..100).collect();
        let done = in_parallel(&items, |number, item| (number, *item));
        assert_eq!(done, items.iter().map(|n| (*n, *n)).collect::<Vec<_>>());
    }
}
