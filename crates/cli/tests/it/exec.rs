//! `exec`: commands over the files of a copy, in a box.

#![allow(clippy::print_stdout, reason = "what is skipped is said")]

use serde_json::Value;

use crate::support::Place;

/// A place with a draft; `None`, after a word on it, where the machine allows no box.
fn place() -> Option<Place> {
    let place = Place::new();
    let probed: Value = serde_json::from_str(&place.ok(&["--json", "probe"])).unwrap();
    if probed["box"] != "yes" {
        println!("skipped: no box here: {}", probed["box"]);
        return None;
    }
    place.file("notes.md", "one\n");
    place.ok(&["put", "/notes.md", "notes.md"]);
    place.ok(&["fork", "draft"]);
    Some(place)
}

#[test]
fn what_a_command_changed_is_one_operation_and_its_code_that_of_exec() {
    let Some(place) = place() else { return };
    let script = "echo two >> notes.md; mkdir dir; echo new > dir/new; mkfifo pipe; exit 7";
    let ran = place.run(&["exec", "-c", "draft", "--", "sh", "-c", script]);
    assert_eq!(ran.code, 7, "{}", ran.stderr);
    let told = "operation 1 of draft: 2 created, 1 modified, 0 deleted, 0 renamed; not published";
    assert!(ran.stderr.contains(told), "{}", ran.stderr);
    let kept = "stays in the sandbox: /pipe: it is a named pipe";
    assert!(ran.stderr.contains(kept), "{}", ran.stderr);
    assert_eq!(place.ok(&["cat", "/notes.md", "-c", "draft"]), "one\ntwo\n");
    assert_eq!(place.ok(&["cat", "/notes.md"]), "one\n");
    place.ok(&["undo", "-c", "draft", "1"]);
    // It does stay, until it is said that it need not.
    let ran = place.run(&["exec", "-c", "draft", "--", "ls"]);
    assert_eq!(ran.code, 10, "{}", ran.stderr);
    assert!(ran.stderr.contains("--reset`"), "{}", ran.stderr);
    assert_eq!(place.ok(&["ls", "-c", "draft"]), "notes.md\n");
    let ran = place.run(&["exec", "-c", "draft", "--reset", "--", "ls"]);
    assert_eq!(
        (ran.code, &*ran.stdout),
        (0, "notes.md\n"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_timeout_and_a_dry_run_are_told() {
    let Some(place) = place() else { return };
    let ran = place.run(&[
        "--json",
        "exec",
        "-c",
        "draft",
        "--timeout",
        "1s",
        "--",
        "sh",
        "-c",
        "echo partly > part; echo said; sleep 60",
    ]);
    assert_eq!(ran.code, 124, "{}", ran.stderr);
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(told["exit"]["timed_out"], true);
    assert_eq!(told["stdout"], "said\n");
    assert_eq!(told["operation"], 1);
    assert_eq!(told["changes"][0]["path"], "/part");
    let ran = place.run(&[
        "exec",
        "-c",
        "draft",
        "-n",
        "--",
        "sh",
        "-c",
        "mv notes.md moved.md; rm part",
    ]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(
        ran.stdout,
        "renamed  /notes.md to /moved.md\ndeleted  /part\n"
    );
    assert_eq!(place.ok(&["ls", "-c", "draft"]), "notes.md\npart\n");
    // Nothing of it is left for the next one.
    let ran = place.run(&["exec", "-c", "draft", "--", "ls"]);
    assert!(!ran.stderr.contains("operation"), "{}", ran.stderr);
}

/// Of a killed `exec --dry-run` nothing is left for the copy; what a killed `exec` left is not taken
/// by a dry one, and what cannot be taken at all has a way out.
#[test]
fn a_dry_run_that_was_killed_writes_nothing_and_what_is_stuck_has_a_way_out() {
    let Some(place) = place() else { return };
    let kill = |extra: &[&str], file: &str| {
        let mut command = place.command();
        let script = format!("echo junk > {file}; sleep 60");
        command
            .args(["exec", "-c", "draft", "--way", "plain"])
            .args(extra);
        command.args(["--", "sh", "-c", &script]);
        let mut child = command.spawn().unwrap();
        let sandboxes = place.path(".workspace/sandboxes");
        let is_there = || {
            let found = std::fs::read_dir(&sandboxes).into_iter().flatten();
            found.flatten().any(|entry| {
                let at = entry.path().join("files").join(file);
                std::fs::read(at).is_ok_and(|it| it == b"junk\n")
            })
        };
        while !is_there() && child.try_wait().unwrap().is_none() {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        assert!(is_there());
        child.kill().unwrap();
        child.wait().unwrap();
    };
    kill(&["-n"], "dry");
    for extra in [["-n"].as_slice(), &[]] {
        let ran = place.run(&[&["exec", "-c", "draft"], extra, &["--", "ls"]].concat());
        assert_eq!(
            (ran.code, &*ran.stdout),
            (0, "notes.md\n"),
            "{}",
            ran.stderr
        );
        assert!(!ran.stderr.contains("operation"), "{}", ran.stderr);
    }
    kill(&[], "left");
    let ran = place.run(&["exec", "-c", "draft", "-n", "--", "ls"]);
    assert_eq!(ran.code, 10, "{}", ran.stderr);
    assert!(ran.stderr.contains("--reset`"), "{}", ran.stderr);
    assert_eq!(place.ok(&["ls", "-c", "draft"]), "notes.md\n");
    // Somebody else wrote the same path.
    place.ok(&["put", "-c", "draft", "/left", "notes.md"]);
    let ran = place.run(&["exec", "-c", "draft", "--", "true"]);
    assert_eq!(ran.code, 10, "{}", ran.stderr);
    assert!(ran.stderr.contains("--reset`"), "{}", ran.stderr);
    place.ok(&["exec", "-c", "draft", "--reset"]);
    let ran = place.run(&["exec", "-c", "draft", "--", "cat", "left"]);
    assert_eq!((ran.code, &*ran.stdout), (0, "one\n"), "{}", ran.stderr);
}

/// The process is killed while the command runs, and with it the box.
#[test]
fn what_a_killed_command_left_is_in_the_copy_after_the_next_one() {
    let Some(place) = place() else { return };
    let mut command = place.command();
    let script = "echo kept > kept; sync; sleep 60; echo late > late";
    command.args(["exec", "-c", "draft", "--", "sh", "-c", script]);
    let mut child = command.spawn().unwrap();
    let sandboxes = place.path(".workspace/sandboxes");
    let is_there = || {
        let found = std::fs::read_dir(&sandboxes).into_iter().flatten();
        found.flatten().any(|entry| {
            std::fs::read(entry.path().join("upper/kept")).is_ok_and(|it| it == b"kept\n")
        })
    };
    let patience = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !is_there() && std::time::Instant::now() < patience {
        // Without an overlay the files are elsewhere.
        if child.try_wait().unwrap().is_some() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let was_there = is_there();
    child.kill().unwrap();
    child.wait().unwrap();
    if !was_there {
        println!("skipped: no overlay here");
        return;
    }
    let ran = place.run(&["exec", "-c", "draft", "--", "ls"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(ran.stdout, "kept\nnotes.md\n");
    let told = "operation 1: left by an earlier command";
    assert!(ran.stderr.contains(told), "{}", ran.stderr);
    // A copy that is closed takes its sandbox with it.
    place.ok(&["discard", "draft"]);
    place.ok(&["fork", "other"]);
    place.run(&["exec", "-c", "other", "--", "true"]);
    assert_eq!(std::fs::read_dir(&sandboxes).unwrap().count(), 1);
}
