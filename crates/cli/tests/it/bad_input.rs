//! What is wrong is named, told what to do about, and loses nothing.

use std::fs;
use std::process::Stdio;

use crate::support::{Place, also_behind_a_url};

#[test]
fn wrong_paths_are_refused_with_the_rule_that_they_break() {
    let place = Place::new();
    let long = "x".repeat(256);
    let deep = "x/".repeat(2100);
    for (path, why) in [
        ("a//b", "empty segment"),
        ("a/../b", "`..` segment"),
        ("./a", "`.` segment"),
        (long.as_str(), "segment longer than 255 bytes"),
        (deep.as_str(), "4096"),
        ("", ""),
    ] {
        let error = place.error(2, &["cat", path]);
        assert_eq!(error["code"], "invalid");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(why), "{message}");
    }
}

#[test]
fn a_path_that_is_not_utf_8_is_refused() {
    use std::os::unix::ffi::OsStrExt;
    let place = Place::new();
    let ran = place.run(&[
        std::ffi::OsStr::new("cat"),
        std::ffi::OsStr::from_bytes(b"\xff"),
    ]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("UTF-8"), "{}", ran.stderr);
}

#[test]
fn what_is_not_there_is_told_with_what_is() {
    let place = Place::new();
    place.put("src/main.rs", "");
    let hint = |arguments: &[&str]| {
        let error = place.error(3, arguments);
        assert_eq!(error["code"], "not_found");
        error["hint"].as_str().unwrap().to_string()
    };
    assert_eq!(hint(&["cat", "src/mian.rs"]), "did you mean /src/main.rs?");
    assert_eq!(hint(&["ls", "scr"]), "did you mean /src?");
    assert_eq!(
        hint(&["stat", "x/y/z"]),
        "`workspace ls /` lists what is there"
    );
    assert_eq!(hint(&["rm", "src/mian.rs"]), "did you mean /src/main.rs?");
    assert!(hint(&["mkdir", "a/b"]).contains("--parents"));
    assert!(hint(&["show", "9"]).contains("workspace log"));
    place.ok(&["fork", "feature"]);
    assert_eq!(hint(&["ls", "--copy", "featrue"]), "did you mean feature?");
    assert!(hint(&["ls", "--copy", "zzz"]).contains("copies"));
    assert_eq!(place.error(3, &["restore", "9"])["code"], "not_found");
}

#[test]
fn the_wrong_kind_of_entry_is_refused() {
    let place = Place::new();
    place.put("dir/file", "");
    place.put("other", "");
    for (code, arguments) in [
        (6, &["cat", "dir"][..]),
        (3, &["cat", "dir/file/below"]),
        (3, &["ls", "dir/file/below"]),
        (5, &["put", "dir/file/below"]),
        (5, &["find", "--below", "dir/file"]),
        (7, &["rm", "dir"]),
        (4, &["mkdir", "dir"]),
        (2, &["cp", "dir", "dir/file"]),
        (4, &["cp", "other", "dir/file"]),
        (3, &["rm", "--recursive", "dir", "dir"]),
        (2, &["mv", "dir", "dir/inside"]),
        (6, &["put", "dir"]),
    ] {
        let ran = place.run(arguments);
        assert_eq!(ran.code, code, "{arguments:?}: {}", ran.stderr);
    }
    assert_eq!(place.ok(&["find", "--kind", "file"]), "/dir/file\n/other\n");
}

#[test]
fn a_closed_copy_is_told_from_an_unknown_one() {
    let place = Place::new();
    place.ok(&["fork", "gone"]);
    let id = place.json(&["copy", "show", "gone"])["id"]
        .as_str()
        .unwrap()
        .to_string();
    place.ok(&["discard", "gone"]);
    let error = place.error(12, &["ls", "--copy", &id]);
    assert_eq!(error["code"], "closed");
    assert!(error["hint"].as_str().unwrap().contains("fork"));
    place.error(12, &["apply", &id]);
    // The name does for the id as long as it is unambiguous.
    place.error(12, &["apply", "gone"]);
    place.ok(&["fork", "gone"]);
    assert_eq!(place.json(&["apply", "gone"])["published"], false);
    place.ok(&["discard", "gone"]);
    let error = place.error(3, &["apply", "gone"]);
    assert!(error["hint"].as_str().unwrap().contains("--all"));
}

#[test]
fn without_a_workspace_it_says_how_to_make_one() {
    let place = Place::empty();
    let error = place.error(3, &["ls"]);
    assert!(error["hint"].as_str().unwrap().contains("workspace init"));
    let error = place.error(3, &["--workspace", "elsewhere", "ls"]);
    assert!(error["hint"].as_str().unwrap().contains("elsewhere"));
    place.ok(&["init"]);
    let error = place.error(4, &["init"]);
    assert_eq!(error["code"], "already_exists");
}

#[test]
fn the_nearest_workspace_upwards_is_used() {
    let place = Place::new();
    place.put("here", "");
    fs::create_dir_all(place.path("a/b")).unwrap();
    let output = place
        .command()
        .current_dir(place.path("a/b"))
        .arg("ls")
        .output()
        .unwrap();
    assert_eq!(output.stdout, b"here\n");
    let named = place.path(".workspace");
    let mut command = place.command();
    let output = command
        .current_dir("/")
        .env("WORKSPACE_DIR", named)
        .arg("ls")
        .output()
        .unwrap();
    assert_eq!(output.stdout, b"here\n");
}

#[test]
fn wrong_usage_is_told_as_json_too() {
    let place = Place::empty();
    for arguments in [
        &["nonsense"][..],
        &["cat"],
        &["diff", "--stat", "--name-status"],
        &["ls", "--copy", "x", "--at", "1"],
        &["fork", "--expires", "soon"],
        &["cat", "--range", "5", "x"],
    ] {
        let error = place.error(2, arguments);
        assert_eq!(error["operation"], "parse arguments");
        let ran = place.run(arguments);
        assert!(
            ran.code == 2 && ran.stderr.starts_with("error: "),
            "{}",
            ran.stderr
        );
    }
}

#[test]
fn matches_do_not_depend_on_how_long_a_line_is() {
    let place = Place::new();
    let long = "a".repeat((1 << 20) - 3);
    place.put("seam", &format!("{long}needle{long}\nneedle\n"));
    assert_eq!(place.ok(&["grep", "-l", "aneedlea"]), "/seam\n");
    for anchored in ["^aa*needle$", "^eedle", "^n.*a$"] {
        assert_eq!(place.run(&["grep", anchored]).code, 1, "{anchored}");
    }
    assert_eq!(place.ok(&["grep", "^needle$"]), "/seam:2:needle\n");
    // In a binary file a line ends at a NUL as well.
    let ran = place.run_with(&["put", "binary"], b"one\0two\0three");
    assert_eq!(ran.code, 0);
    assert_eq!(
        place.ok(&["grep", "^two$"]),
        "/binary: binary file matches\n"
    );
}

#[test]
fn a_line_that_is_too_long_to_be_searched_is_told_at_the_end() {
    let place = Place::new();
    place.file("long", vec![b'a'; (64 << 20) + 1]);
    place.ok(&["put", "long", "long"]);
    place.put("short", "find me\n");
    let ran = place.run(&["grep", "find"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (13, "/short:1:find me\n"));
    assert!(ran.stderr.contains("/long"), "{}", ran.stderr);
}

#[test]
fn a_bad_pattern_is_shown() {
    let place = Place::new();
    let error = place.error(2, &["grep", "(unclosed"]);
    assert!(error["message"].as_str().unwrap().contains("unclosed"));
    place.error(2, &["find", "[a"]);
}

#[test]
fn output_is_plain_and_exact_in_a_pipe() {
    let place = Place::new();
    let raw = "esc \u{1b}[31m red\u{1b}[0m\r\n";
    place.put("x/a\u{1b}b", raw);
    assert_eq!(place.ok(&["ls", "x"]), "a\u{1b}b\n");
    assert_eq!(place.ok(&["cat", "x/a\u{1b}b"]), raw);
    assert!(place.ok(&["diff"]).contains(raw));
    let ran = place.run(&["ls", "absent"]);
    assert!(!ran.stderr.contains('\u{1b}'));
}

#[test]
fn colour_is_for_terminals_unless_asked_for() {
    let place = Place::new();
    place.put("dir/file", "");
    let coloured = |variables: &[(&str, &str)]| {
        let mut command = place.command();
        let output = command
            .arg("ls")
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        output.stdout.contains(&0x1b)
    };
    assert!(!coloured(&[]));
    assert!(coloured(&[("CLICOLOR_FORCE", "1")]));
    assert!(!coloured(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
}

#[test]
fn a_closed_pipe_ends_the_command_quietly() {
    use std::io::Read as _;
    let place = Place::new();
    let line = "something to read\n".repeat(100_000);
    place.put("long", &line);
    let mut child = place
        .command()
        .args(["cat", "long", "long", "long"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut start = [0; 9];
    child.stdout.take().unwrap().read_exact(&mut start).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(141));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn contents_that_are_not_text_are_base64_in_json() {
    let place = Place::new();
    let ran = place.run_with(&["put", "bin"], b"\xff\x00\x01");
    assert_eq!(ran.code, 0);
    let file = &place.json(&["cat", "bin"])["files"][0];
    assert_eq!(
        (&file["encoding"], &file["content"]),
        (&"base64".into(), &"/wAB".into())
    );
}

#[test]
fn a_source_that_cannot_be_read_changes_nothing() {
    let place = Place::new();
    let error = place.error(3, &["put", "x", "absent-file"]);
    assert_eq!(error["path"], "absent-file");
    let ran = place.run(&["put", "x", "."]);
    assert_ne!(ran.code, 0);
    assert_eq!(place.ok(&["ls"]), "");
}

// Left out are the tests of usage, directories and terminals, which are the same
// for any workspace.
also_behind_a_url![
    a_closed_copy_is_told_from_an_unknown_one,
    a_closed_pipe_ends_the_command_quietly,
    a_source_that_cannot_be_read_changes_nothing,
    contents_that_are_not_text_are_base64_in_json,
    matches_do_not_depend_on_how_long_a_line_is,
    output_is_plain_and_exact_in_a_pipe,
    the_wrong_kind_of_entry_is_refused,
    what_is_not_there_is_told_with_what_is,
    wrong_paths_are_refused_with_the_rule_that_they_break,
];
