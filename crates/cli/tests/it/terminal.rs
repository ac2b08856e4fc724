//! What is so on a terminal only: the pager.

use std::process::Command;

use crate::support::Place;

/// Runs a line of shell on a terminal, in which `workspace` is the command; returns what is
/// on the terminal then, and the exit code.
fn on_a_terminal(place: &Place, line: &str) -> (String, i32) {
    let command = assert_cmd::cargo::cargo_bin!("workspace");
    let line = line.replace("workspace", &command.display().to_string());
    let output = Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .current_dir(place.directory.path())
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("TERM", "xterm")
        .env("USER", "tester")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).replace("\r\n", "\n");
    (text, output.status.code().unwrap_or(-1))
}

#[test]
fn what_is_long_goes_through_a_pager_on_a_terminal_and_nowhere_else() {
    let place = Place::new();
    place.put("a", "one\n");
    place.ok(&["snapshot", "-m", "first"]);
    let pager = "PAGER='sed s/^/paged:/'";
    let shown = |line: &str| on_a_terminal(&place, &format!("{pager} {line}")).0;
    for paged in [
        "log",
        "diff 1 head",
        "show -p",
        "tree",
        "find",
        "grep one",
        "events",
    ] {
        let text = shown(&format!("workspace {paged}"));
        let is_paged = text.lines().all(|line| line.starts_with("paged:"));
        assert!(is_paged, "{paged}: {text}");
    }
    for plain in [
        "workspace log --no-pager",
        "workspace --json log",
        "workspace log | cat",
        "workspace ls",
        "workspace cat a",
        "PAGER= workspace log",
        "PAGER=cat workspace log",
    ] {
        let text = shown(plain);
        assert!(
            !text.is_empty() && !text.contains("paged:"),
            "{plain}: {text}"
        );
    }
    // Colours go into it, as they would to the terminal.
    assert!(shown("workspace log").contains("\u{1b}[33m"));
}

#[test]
fn whoever_leaves_the_pager_early_has_seen_enough() {
    let place = Place::new();
    let long = "line\n".repeat(200_000);
    place.put("long", &long);
    let (text, code) = on_a_terminal(&place, "PAGER='head -n 2' workspace diff");
    assert_eq!((text.lines().count(), code), (2, 0), "{text}");
    // What goes wrong is told when it is left.
    let (text, code) = on_a_terminal(&place, "PAGER='sed s/^/paged:/' workspace show 9");
    assert!(
        text.contains("error: ") && !text.contains("paged:"),
        "{text}"
    );
    assert_eq!(code, 3);
    let (text, _) = on_a_terminal(&place, "PATH=/nowhere workspace log");
    assert!(!text.contains("error"), "{text}");
}
