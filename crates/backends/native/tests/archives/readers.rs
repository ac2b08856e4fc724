//! GNU tar, bsdtar, Info-ZIP and Python's modules, behind one pipe to a process that
//! reads many archives.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Kind, and hash or target, by path.
pub(crate) type Found = BTreeMap<String, (String, String)>;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/archives/readers.py");

/// Makes the archives of a kind that other programs write: name and bytes.
pub(crate) fn corpus(place: &Path, kind: &str) -> Vec<(String, Vec<u8>)> {
    let made = Command::new("python3")
        .arg(SCRIPT)
        .arg("make")
        .arg(place)
        .status();
    assert!(made.expect("python3 is there").success());
    let mut found: Vec<_> = fs::read_dir(place)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == kind))
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read(&path).unwrap())
        })
        .collect();
    found.sort();
    found
}

/// The other readers.
pub(crate) struct Readers {
    process: Child,
    asked: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Readers {
    /// Starts them.
    pub(crate) fn start() -> Self {
        for (program, package) in [
            ("tar", "tar"),
            ("bsdtar", "libarchive-tools"),
            ("unzip", "unzip"),
        ] {
            let there = Command::new(program)
                .arg("--help")
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
            assert!(
                there.is_ok(),
                "`{program}` is missing: Debian's {package} has it"
            );
        }
        let mut process = Command::new("python3")
            .arg(SCRIPT)
            .arg("read")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 is there");
        Self {
            asked: process.stdin.take(),
            answers: BufReader::new(process.stdout.take().unwrap()),
            process,
        }
    }

    /// Returns what each finds in an archive; `None` where it refuses it.
    pub(crate) fn read(&mut self, kind: &str, path: &Path) -> BTreeMap<String, Option<Found>> {
        let asked = self.asked.as_mut().unwrap();
        writeln!(asked, "{kind} {}", path.display()).unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        serde_json::from_str(&answer).unwrap()
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        drop(self.asked.take());
        // It ends with its input.
        let _ended = self.process.wait();
    }
}
