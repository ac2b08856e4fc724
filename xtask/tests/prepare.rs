//! What each task does on a machine where nothing is there but Rust.

#![expect(clippy::unwrap_used, reason = "this is a test")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

/// Every task, and what it wants: components, targets, programs of others.
const TASKS: [(&str, &[&str]); 10] = [
    (
        "test",
        &[
            "rustfmt", "clippy", "wasm32", "cc", "git", "npm", "tar", "bsdtar", "zip", "unzip",
            "python3",
        ],
    ),
    ("check", &["rustfmt", "clippy", "wasm32", "cc"]),
    ("dev", &["wasm32", "npm"]),
    ("build", &["wasm32", "npm"]),
    ("worker", &["wasm32", "npm"]),
    ("typescript", &["cc", "wasm32", "npm"]),
    ("fuzz", &["cc", "wasm32", "npm"]),
    ("bench", &["cc", "wasm32", "npm"]),
    ("demo", &["cc", "git"]),
    ("mutants", &["cc"]),
];

/// The programs of others among them.
const PROGRAMS: [&str; 8] = [
    "cc", "git", "npm", "tar", "bsdtar", "zip", "unzip", "python3",
];

/// Puts a program into a directory.
fn program(directory: &Path, name: &str, script: &str) {
    let path = directory.join(name);
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Prepares a task where only `directory` holds programs; returns whether it could,
/// and what it said.
fn prepare(directory: &Path, task: &str) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["--prepare", task])
        .env("PATH", directory)
        .env("CARGO", directory.join("cargo"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.success(), said)
}

#[test]
fn each_task_gets_or_names_what_it_needs() {
    for (task, wants) in TASKS {
        let place = tempfile::tempdir().unwrap();
        let place = place.path();
        // A toolchain without components or targets, and a rustup that notes what it
        // is to install.
        program(place, "cargo", "exit 1");
        program(place, "rustc", "echo /nowhere");
        program(
            place,
            "rustup",
            &format!("echo \"$@\" >> {}/log", place.display()),
        );
        let mut missing = Vec::new();
        for name in PROGRAMS {
            if !wants.contains(&name) {
                continue;
            }
            let (done, said) = prepare(place, task);
            assert!(!done && said.contains("is missing"), "{task}: {said}");
            missing.push(said);
            for name in PROGRAMS {
                if missing
                    .last()
                    .unwrap()
                    .contains(&format!("`{name}` is missing"))
                {
                    program(place, name, "exit 0");
                }
            }
        }
        let _earlier = fs::remove_file(place.join("log"));
        let (done, said) = prepare(place, task);
        assert!(done, "{task}: {said}");
        let installed = fs::read_to_string(place.join("log")).unwrap_or_default();
        for (want, line) in [
            ("rustfmt", "component add rustfmt"),
            ("clippy", "component add clippy"),
            ("wasm32", "target add wasm32-unknown-unknown"),
        ] {
            let expected = wants.contains(&want);
            assert_eq!(installed.contains(line), expected, "{task}: {installed}");
        }
    }
}

#[test]
fn what_debian_has_is_installed_where_apt_get_can() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    for name in ["cargo", "rustc", "rustup", "cc", "git", "npm"] {
        program(place, name, "echo /");
    }
    // One that installs nothing, as for whoever may not, and one that notes what it
    // is to install.
    program(place, "apt-get", "exit 1");
    let (done, said) = prepare(place, "test");
    assert!(!done && said.contains("install Debian's `tar`"), "{said}");
    let log = format!("echo \"$@\" >> {}/log", place.display());
    program(place, "apt-get", &log);
    let (done, said) = prepare(place, "test");
    assert!(done, "{said}");
    let installed = fs::read_to_string(place.join("log")).unwrap();
    for package in ["tar", "libarchive-tools", "zip", "unzip", "python3"] {
        let line = format!("install --yes --no-install-recommends {package}\n");
        assert!(installed.contains(&line), "{installed}");
    }
}

#[test]
fn a_machine_without_rustup_is_told_what_to_add() {
    let place = tempfile::tempdir().unwrap();
    program(place.path(), "cargo", "exit 1");
    program(place.path(), "rustc", "exit 1");
    let (done, said) = prepare(place.path(), "dev");
    assert!(
        !done && said.contains("rustup target add wasm32-unknown-unknown"),
        "{said}"
    );
}
