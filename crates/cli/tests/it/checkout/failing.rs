//! Syncs that cannot do all of what they are to do.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use serde_json::json;

use super::{NOTHING, checked_out, in_copy, on_disk, sync};
use crate::disks::as_plain_user;
use crate::support::also_behind_a_url;

/// What stayed below a directory that stays was taken for what was there, whether it was
/// or not: what was gone from the disk and came back in the copy was removed there again.
#[test]
fn what_came_back_in_the_copy_was_removed_from_it() {
    let place = checked_out(&[("d/a", "1"), ("d/e/b", "1"), (".gitignore", "ign\n")]);
    place.ok(&["checkout", "draft", "co", "--ignore"]);
    place.file("co/d/ign", "mine");
    place.ok(&["rm", "-c", "draft", "-r", "d"]);
    let ran = place.run(&["--json", "sync", "co"]);
    assert_eq!(ran.code, 1, "{}{}", ran.stdout, ran.stderr);
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(report["kept"][0]["path"], "/d");
    let gone: Vec<_> = report["to_directory"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["path"])
        .collect();
    assert_eq!(gone, ["/d/a", "/d/e", "/d/e/b"]);
    place.ok(&["undo", "-c", "draft"]);
    let told = place.json(&["sync", "co"]);
    assert_eq!(told["to_copy"], json!([]));
    assert_eq!(place.ok(&["cat", "-c", "draft", "d/a"]), "1");
    assert_eq!(
        on_disk(&place.path("co")),
        [
            ".gitignore=ign",
            "d/",
            "d/a=1",
            "d/e/",
            "d/e/b=1",
            "d/ign=mine"
        ]
    );
}

/// A sync that had published what was changed in the directory, and then could not write
/// what was changed in the copy, did not know the next time what it had published.
#[test]
fn a_change_that_a_failing_sync_had_published_conflicted_with_the_next() {
    let place = checked_out(&[("b", "v1"), ("d/a", "1")]);
    place.put_in("draft", "d/new", "theirs");
    place.put_in("draft", "z", "theirs");
    place.file("wd/b", "v2");
    as_plain_user(
        &place,
        r#"
        chmod 555 wd/d
        code=0; $0 sync wd >told 2>&1 || code=$?
        chmod 755 wd/d
        test $code = 1 || { cat told >&2; exit 1; }
        grep -q '/d/new stays: Permission denied' told
        "#,
    );
    // What can be done is done.
    assert_eq!(fs::read_to_string(place.path("wd/z")).unwrap(), "theirs");
    assert_eq!(place.ok(&["cat", "-c", "draft", "b"]), "v2");
    place.file("wd/b", "v3");
    assert_eq!(sync(&place, &[]), ["M/b", "A/d/new", ""]);
    assert_eq!(on_disk(&place.path("wd")), in_copy(&place, "draft"));
    assert_eq!(sync(&place, &[]), NOTHING);
}

/// One path that somebody takes for his own ended every sync of the copy, both ways.
#[test]
fn a_path_that_is_git_s_own_ended_every_sync() {
    let place = checked_out(&[("a", "1"), ("sub/x", "1")]);
    place.put_in("draft", "sub/.git/config", "[core]");
    place.put_in("draft", "bare/HEAD", "ref");
    place.ok(&["mkdir", "-c", "draft", "bare/objects"]);
    place.ok(&["mkdir", "-c", "draft", "bare/refs"]);
    place.put_in("draft", "b", "theirs");
    place.file("wd/a", "2");
    let ran = place.run(&["--json", "sync", "wd"]);
    assert_eq!(ran.code, 1, "{}{}", ran.stdout, ran.stderr);
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let left_out = report["left_out"].as_array().unwrap();
    let paths: Vec<_> = left_out.iter().map(|it| &it["path"]).collect();
    assert_eq!(paths, ["/bare", "/sub/.git"]);
    assert_eq!(
        on_disk(&place.path("wd")),
        ["a=2", "b=theirs", "sub/", "sub/x=1"]
    );
    assert_eq!(place.ok(&["cat", "-c", "draft", "a"]), "2");
    let told = place.run(&["sync", "wd"]).stderr;
    assert!(
        told.contains("/sub/.git is left out of the directory: git"),
        "{told}"
    );
    // Nor does it go with what it is in.
    fs::remove_dir_all(place.path("wd/sub")).unwrap();
    place.run(&["sync", "wd"]);
    place.error(3, &["stat", "-c", "draft", "sub/x"]);
    assert_eq!(
        place.ok(&["cat", "-c", "draft", "sub/.git/config"]),
        "[core]"
    );
    // A patch does not bring it, as nothing else does that comes from outside.
    for path in [
        ".git/hooks/pre-commit",
        "sub/.GIT/x",
        ".workspace",
        "d/.workspace/x",
    ] {
        let patch = format!("--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+x\n");
        place.file("x.patch", patch);
        let error = place.error(2, &["import", "x.patch", "-c", "draft"]);
        assert_eq!(error["reason"], "unfit_entry", "{error}");
        let allowed = place.run(&["import", "x.patch", "-c", "draft", "--allow-git"]);
        assert_eq!(
            allowed.code == 0,
            !path.contains("workspace"),
            "{}",
            allowed.stderr
        );
    }
}

/// Each sync that was killed while it wrote left what it had written, for ever.
#[test]
fn what_killed_syncs_had_staged_stayed() {
    let place = checked_out(&[("a", "1")]);
    let staged = || {
        let entries = fs::read_dir(place.path("wd")).unwrap();
        let mut names = entries.map(|entry| entry.unwrap().path());
        names.find(|path| path.to_string_lossy().contains(".workspace-export-"))
    };
    for n in 0..300 {
        place.file(&format!("in/{n}"), format!("{n}\n").repeat(9_000));
    }
    place.ok(&["import", "in", "-c", "draft"]);
    let mut tries = 0;
    while staged().is_none() {
        tries += 1;
        assert!(tries < 20, "no sync was killed while it wrote");
        let mut command = place.command();
        let command = command.args(["sync", "wd"]).stdout(Stdio::null());
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        // As soon as files are there that wait to be put in their places.
        let waits = || staged().is_some_and(|path| path.join("tree/3").exists());
        while !waits() && child.try_wait().unwrap().is_none() {}
        let _ = child.kill();
        child.wait().unwrap();
    }
    place.ok(&["sync", "wd"]);
    assert_eq!(staged(), None);
    assert_eq!(on_disk(&place.path("wd")), in_copy(&place, "draft"));
    assert_eq!(sync(&place, &[]), NOTHING);
}

/// A mode that the disk does not take was taken for one that a person had set.
#[test]
fn what_the_disk_cannot_hold_was_brought_over_as_a_change() {
    let place = checked_out(&[("a", "1")]);
    let put = ["put", "-c", "draft", "-x", "run"];
    assert_eq!(place.run_with(&put, b"#!").code, 0);
    let mut command = Command::new("sh");
    command
        .args(["-c", "umask 0177; exec \"$@\"", "sh"])
        .arg(assert_cmd::cargo::cargo_bin!("workspace"))
        .args(["sync", "wd"])
        .current_dir(place.directory.path());
    assert!(command.status().unwrap().success());
    assert_eq!(on_disk(&place.path("wd")), ["a=1", "run*=#!"]);
    assert_eq!(sync(&place, &[]), NOTHING);
    // On a disk that has no such bit.
    let memory = place.path("wd/.workspace");
    let text = fs::read_to_string(&memory).unwrap();
    fs::write(
        &memory,
        text.replacen("\"entries\"", "\"modes\":false,\"entries\"", 1),
    )
    .unwrap();
    for (name, mode) in [("run", 0o644), ("a", 0o755)] {
        let mode = fs::Permissions::from_mode(mode);
        fs::set_permissions(place.path(&format!("wd/{name}")), mode).unwrap();
    }
    assert_eq!(sync(&place, &[]), NOTHING);
    place.file("wd/run", "#!/bin/sh");
    assert_eq!(sync(&place, &[]), ["M/run", "", ""]);
    assert_eq!(
        place.json(&["stat", "-c", "draft", "run"])["executable"],
        true
    );
}

/// A directory was removed and another added, with files of which nothing more was known.
#[test]
fn a_directory_that_was_renamed_lost_what_was_known_of_its_files() {
    let place = checked_out(&[("other", "1")]);
    let put = [
        "put",
        "-p",
        "-c",
        "draft",
        "d/e/a",
        "--media-type",
        "text/x-a",
    ];
    assert_eq!(place.run_with(&put, b"one").code, 0);
    place.put_in("draft", "d/b", "two");
    sync(&place, &[]);
    fs::rename(place.path("wd/d"), place.path("wd/new")).unwrap();
    let plan = "D/d D/d/e A/new R/new/b A/new/e R/new/e/a";
    assert_eq!(sync(&place, &[]), [plan, "", ""]);
    let stat = place.json(&["stat", "-c", "draft", "new/e/a"]);
    assert_eq!(stat["media_type"], "text/x-a");
    assert_eq!(on_disk(&place.path("wd")), in_copy(&place, "draft"));
    assert_eq!(sync(&place, &[]), NOTHING);
}

also_behind_a_url![
    a_directory_that_was_renamed_lost_what_was_known_of_its_files,
    a_path_that_is_git_s_own_ended_every_sync,
    what_came_back_in_the_copy_was_removed_from_it,
];
