//! What others have put where the command is run.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use crate::support::Place;

/// As a checkout would bring it, if somebody put it there.
#[test]
fn a_workspace_that_came_from_elsewhere_chooses_no_file_to_be_written() {
    for name in ["lock", "reserve", "config", "objects", "workspace.db-wal"] {
        let place = Place::new();
        place.put("a", "content");
        let victim = place.file("victim", "precious");
        let link = place.path(&format!(".workspace/{name}"));
        let _missing = fs::remove_file(&link).or_else(|_| fs::remove_dir_all(&link));
        symlink("../victim", &link).unwrap();
        for command in [&["ls"][..], &["put", "b", "victim"], &["collect"]] {
            let error = place.error(8, command);
            assert!(error.to_string().contains("symlink"), "{error}");
            assert_eq!(fs::read(&victim).unwrap(), b"precious", "{name}");
        }
        fs::remove_file(&victim).unwrap();
        place.error(8, &["ls"]);
        assert!(!victim.exists(), "{name}");
    }
}

#[test]
fn a_workspace_of_another_user_is_used_only_where_it_is_named() {
    let place = Place::new();
    place.put("a", "content\n");
    for owned in [".workspace", ".workspace/workspace.db"] {
        let given = |user: &str| {
            let mut chown = Command::new("chown");
            let path = place.path(owned);
            chown.arg(user).arg(path).status().unwrap().success()
        };
        if !given("65534") {
            let known = std::env::var_os("WORKSPACE_SKIP_NAMESPACES").is_some();
            assert!(known, "not root: nothing can be given to another user");
            return;
        }
        let error = place.error(8, &["cat", "a"]);
        assert!(
            error["hint"].as_str().unwrap().contains("--workspace"),
            "{error}"
        );
        assert_eq!(place.ok(&["-w", ".workspace", "cat", "a"]), "content\n");
        assert!(given("0"));
    }
    assert_eq!(place.ok(&["cat", "a"]), "content\n");
}

/// Names come from archives, trees and servers.
#[test]
fn nothing_of_a_name_reaches_the_terminal_as_a_command() {
    let place = Place::new();
    let name = "evil\u{1b}]0;PWNED\u{7}\u{1b}[2J\u{9b}2J\u{202e}";
    for arguments in [
        &["rm", name][..],
        &["cat", name],
        &["import", name],
        &["export", name, "--below", name],
        &[name],
    ] {
        for json in [false, true] {
            let mut arguments = arguments.to_vec();
            if json {
                arguments.insert(0, "--json");
            }
            let ran = place.run(&arguments);
            let is_unsafe = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
            assert!(!ran.stderr.contains(is_unsafe), "{:?}", ran.stderr);
            assert!(ran.stderr.contains("evil"), "{:?}", ran.stderr);
            if json {
                let error: serde_json::Value = serde_json::from_str(&ran.stderr).unwrap();
                assert!(error.is_object());
            }
        }
    }
}

#[test]
fn a_variable_that_is_empty_says_nothing() {
    let place = Place::new();
    place.put("a", "content\n");
    for name in [
        "WORKSPACE_DIR",
        "WORKSPACE_REMOTE",
        "WORKSPACE_COPY",
        "WORKSPACE_ACTOR",
        "WORKSPACE_TOKEN",
    ] {
        let mut command = place.command();
        let output = command.env(name, "").args(["cat", "a"]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}: {said}");
    }
}

#[test]
fn a_file_in_a_document_has_a_limit() {
    let place = Place::new();
    let large = fs::File::create(place.path("large")).unwrap();
    large.set_len((64 << 20) + 1).unwrap();
    place.ok(&["put", "large", "large"]);
    let error = place.error(13, &["cat", "large"]);
    assert!(
        error["hint"].as_str().unwrap().contains("--range"),
        "{error}"
    );
    place.json(&["cat", "large", "--range", "..10"]);
}
