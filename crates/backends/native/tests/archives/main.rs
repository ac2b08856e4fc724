//! Archives are read as other readers read them.
//!
//! Archives of GNU tar, bsdtar, Python and Info-ZIP are altered, and read by all of them
//! and by the sources. A source finds what all find who read one, or says what is wrong:
//! where they differ, or nobody reads one, it is refused, but for the exceptions that are
//! named in `exceptions.rs`.
//!
//! `ARCHIVES=71 cargo nextest run -p workspace-native --test archives` alters by seed 71
//! alone, `ARCHIVES=0-19999` by so many. `ARCHIVES_IN=DIRECTORY` compares what is there,
//! `ARCHIVES_OUT=DIRECTORY` keeps what differs.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]
#![allow(clippy::print_stdout, reason = "a test tells what it compared")]

mod alter;
mod exceptions;
mod readers;

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::Path;

use futures::executor::block_on;
use sha2::{Digest as _, Sha256};
use workspace_core::{Result, SourceEntry, SourceKind};
use workspace_native::source::{self, SourceOptions};
use workspace_testkit::Random;

use readers::{Found, Readers};

/// The most bytes of a file that are compared.
const LIMIT: usize = 16 << 20;

fn seeds() -> Range<u64> {
    let Ok(asked) = std::env::var("ARCHIVES") else {
        return 0..250;
    };
    let number = |text: &str| text.parse().expect("ARCHIVES is a number, or two: 0-99");
    match asked.split_once('-') {
        Some((first, last)) => number(first)..number(last) + 1,
        None => number(&asked)..number(&asked) + 1,
    }
}

/// Reads an archive by its source; `None` where it is refused.
fn read(archive: &Path) -> Option<Found> {
    let found: Result<Option<Found>> = block_on(async {
        let mut source = source::open(archive, &SourceOptions::default())?;
        let mut found = Found::new();
        while let Some(SourceEntry { path, kind }) = source.next().await? {
            let entry = match kind {
                SourceKind::Directory => ("directory".into(), String::new()),
                SourceKind::Symlink { target, .. } => ("symlink".into(), target.to_string()),
                other @ (SourceKind::External { .. } | SourceKind::Removed) => {
                    panic!("no archive has {other:?}")
                }
                SourceKind::File { .. } => {
                    let (mut hash, mut size) = (Sha256::new(), 0);
                    while let Some(chunk) = source.chunk().await? {
                        size += chunk.len();
                        if size > LIMIT {
                            return Ok(None);
                        }
                        hash.update(&chunk);
                    }
                    let hash = hash.finalize();
                    let hex = hash.iter().map(|byte| format!("{byte:02x}"));
                    ("file".into(), hex.collect())
                }
            };
            if !add(&mut found, path.as_str(), entry) {
                return Ok(None);
            }
        }
        Ok(Some(found))
    });
    found.ok().flatten()
}

/// Adds an entry with the directories above it; `false` where an import refuses it.
fn add(found: &mut Found, path: &str, entry: (String, String)) -> bool {
    let path = path.trim_start_matches('/');
    let directory = || ("directory".to_owned(), String::new());
    for (end, _) in path.match_indices('/') {
        let above = found
            .entry(path[..end].to_owned())
            .or_insert_with(directory);
        if above.0 != "directory" {
            return false;
        }
    }
    match found.get(path) {
        _ if path.is_empty() => entry.0 == "directory",
        Some(there) if (there.0 == "directory") != (entry.0 == "directory") => false,
        _ => {
            found.insert(path.to_owned(), entry);
            true
        }
    }
}

/// What came of the archives.
#[derive(Debug, Default)]
struct Tally {
    archives: u64,
    /// Read by nobody.
    refused: u64,
    /// Two others or more read it, and those who did agree.
    agreed: u64,
    /// The source refused one of those.
    agreed_but_refused: u64,
    /// Others found something else, by the name of the exception.
    excepted: BTreeMap<&'static str, u64>,
}

fn compare(kind: &str, alter: impl Fn(&mut Vec<u8>, &mut Random)) {
    let place = tempfile::tempdir().unwrap();
    let corpus = readers::corpus(place.path(), kind);
    assert!(corpus.len() >= 10, "{} archives to alter", corpus.len());
    let mut readers = Readers::start();
    let mut tally = Tally::default();
    let mut differ = Vec::new();
    // First each as it is: everybody reads it.
    for (name, bytes) in &corpus {
        let path = place.path().join(format!("whole.{kind}"));
        fs::write(&path, bytes).unwrap();
        let (ours, others) = (read(&path), readers.read(kind, &path));
        assert!(ours.is_some(), "{name} is read");
        check(kind, name, bytes, &ours, &others, &mut tally, &mut differ);
    }
    if let Some(directory) = std::env::var_os("ARCHIVES_IN") {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|ending| ending == kind) {
                let (ours, others) = (read(&path), readers.read(kind, &path));
                let (what, bytes) = (path.display().to_string(), fs::read(&path).unwrap());
                check(kind, &what, &bytes, &ours, &others, &mut tally, &mut differ);
            }
        }
    }
    let path = place.path().join(format!("altered.{kind}"));
    for seed in seeds() {
        let mut random = Random::new(seed);
        let (name, bytes) = random.choose(&corpus).unwrap();
        let mut bytes = bytes.clone();
        alter(&mut bytes, &mut random);
        fs::write(&path, &bytes).unwrap();
        let (ours, others) = (read(&path), readers.read(kind, &path));
        let what = format!("seed {seed}, of {name}");
        check(kind, &what, &bytes, &ours, &others, &mut tally, &mut differ);
    }
    println!("{kind}: {tally:?}");
    assert!(
        differ.is_empty(),
        "{} differ:\n{}",
        differ.len(),
        differ.join("\n")
    );
}

fn check(
    kind: &str,
    what: &str,
    bytes: &[u8],
    ours: &Option<Found>,
    others: &BTreeMap<String, Option<Found>>,
    tally: &mut Tally,
    differ: &mut Vec<String>,
) {
    tally.archives += 1;
    let read: Vec<(&str, &Found)> = others
        .iter()
        .filter_map(|(name, found)| found.as_ref().map(|found| (name.as_str(), found)))
        .collect();
    let agree = read.windows(2).all(|pair| pair[0].1 == pair[1].1);
    if agree && read.len() > 1 {
        tally.agreed += 1;
        tally.agreed_but_refused += u64::from(ours.is_none());
    }
    let Some(ours) = ours else {
        tally.refused += u64::from(read.is_empty());
        return;
    };
    let others: Vec<_> = read.iter().filter(|(_, found)| *found != ours).collect();
    if others.is_empty() && !read.is_empty() {
        return;
    }
    let names: Vec<&str> = others.iter().map(|(name, _)| *name).collect();
    if let Some(name) = exceptions::name(kind, bytes, ours, &names) {
        *tally.excepted.entry(name).or_default() += 1;
        return;
    }
    if let Some(directory) = std::env::var_os("ARCHIVES_OUT") {
        let name = format!("{}.{kind}", what.replace(['/', ' ', ','], "-"));
        fs::write(Path::new(&directory).join(name), bytes).unwrap();
    }
    differ.push(match others.first() {
        Some((_, found)) => format!("{what}: {}", difference(ours, found, &names)),
        None => format!("{what}: it is read, and by nobody else: {ours:?}"),
    });
}

/// Tells the first difference.
fn difference(ours: &Found, others: &Found, names: &[&str]) -> String {
    let mut paths: Vec<&String> = ours.keys().chain(others.keys()).collect();
    paths.sort();
    let first = paths
        .into_iter()
        .find(|path| ours.get(*path) != others.get(*path));
    let path = first.map_or("", String::as_str);
    format!(
        "{path:?} is {:?}, and {:?} to {}",
        ours.get(path),
        others.get(path),
        names.join(", ")
    )
}

#[test]
fn tar_archives_are_read_as_others_read_them() {
    compare("tar", alter::tar);
}

#[test]
fn zip_archives_are_read_as_others_read_them() {
    compare("zip", alter::zip);
}
