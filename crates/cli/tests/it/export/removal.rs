//! What `export --delete` removes.

use std::fs;

use serde_json::json;

use super::names;
use crate::support::{Place, also_behind_a_url};

/// What is gone from the copy goes from the directory as well, and does not come back with
/// the next import; what a person made there stays, asked or not.
#[test]
fn an_export_removes_what_an_earlier_one_left_and_nothing_else() {
    let place = Place::new();
    place.put("kept", "kept");
    place.put("base", "of the base");
    place.ok(&["snapshot"]);
    place.ok(&["fork", "work"]);
    for (path, text) in [
        ("old/a", "a"),
        ("old/b", "b"),
        ("edited", "1"),
        ("d/e/f", "f"),
    ] {
        place.put_in("work", path, text);
    }
    let export = |more: &[&str]| place.json(&[&["export", "wd", "--copy", "work"], more].concat());
    export(&[]);
    for gone in ["base", "old", "edited", "d"] {
        place.ok(&["rm", "-r", "--copy", "work", gone]);
    }
    place.put_in("work", "new", "new");
    // What a person made, and what a person changed of what was exported.
    place.file("wd/mine", "mine");
    place.file("wd/old/mine", "mine");
    place.file("wd/edited", "2");
    place.file("wd/base.bak", "of the base");
    place.file("wd/.git/config", "mine");
    fs::remove_file(place.path("wd/old/b")).unwrap();
    fs::create_dir(place.path("wd/old/b")).unwrap();

    // Without being asked nothing goes.
    let exported = export(&["--force"]);
    assert!(exported.get("removed").is_none() && place.path("wd/old/a").exists());
    place.error(7, &["export", "wd", "--copy", "work", "--delete"]);

    let exported = export(&["--force", "--delete"]);
    // `old` stays for what is in it; `old/b` was a file, and is a directory now.
    assert_eq!(exported["kept"], json!(["/edited", "/old/b"]), "{exported}");
    for (path, stays) in [
        ("kept", true),
        ("new", true),
        ("base", false),
        ("base.bak", true),
        ("mine", true),
        ("old/mine", true),
        ("old/a", false),
        ("old/b", true),
        ("edited", true),
        ("d", false),
        (".git/config", true),
    ] {
        assert_eq!(place.path("wd").join(path).exists(), stays, "{path}");
    }
    // `base`, `old/a`, `d/e/f`, `d/e` and `d`.
    assert_eq!(exported["removed"], 5);
    assert_eq!(fs::read(place.path("wd/edited")).unwrap(), b"2");
    let ran = place.run(&["export", "wd", "--copy", "work", "--force", "--delete"]);
    assert!(ran.stderr.contains("note: /edited stays"), "{}", ran.stderr);
    // Of a part of the tree, below its own root.
    place.put_in("work", "part/x", "x");
    place.put_in("work", "part/y", "y");
    export(&["--below", "part", "--force"]);
    assert!(place.path("wd/x").exists());
    place.ok(&["rm", "--copy", "work", "part/x"]);
    export(&["--below", "part", "--force", "--delete"]);
    assert!(!place.path("wd/x").exists() && place.path("wd/y").exists());
    assert!(place.path("wd/kept").exists(), "it is of no part of that");
    for format in ["tar", "patch"] {
        place.error(2, &["export", "x", "--format", format, "--delete"]);
    }
}

/// Nothing outside of the directory is removed, whatever is in the way.
#[test]
fn an_export_removes_nothing_behind_a_symlink() {
    let place = Place::new();
    place.put("d/a", "a");
    place.put("b", "b");
    place.ok(&["snapshot"]);
    place.ok(&["export", "wd"]);
    place.ok(&["rm", "-r", "d", "b"]);
    place.put("c", "c");
    place.file("elsewhere/a", "a");
    fs::remove_dir_all(place.path("wd/d")).unwrap();
    std::os::unix::fs::symlink("../elsewhere", place.path("wd/d")).unwrap();
    fs::remove_file(place.path("wd/b")).unwrap();
    std::os::unix::fs::symlink("../elsewhere/a", place.path("wd/b")).unwrap();
    let exported = place.json(&["export", "wd", "--force", "--delete"]);
    assert_eq!(exported["removed"], 0);
    assert_eq!(exported["kept"], json!(["/b", "/d"]));
    assert_eq!(fs::read(place.path("elsewhere/a")).unwrap(), b"a");
}

#[test]
fn nothing_is_removed_for_its_name() {
    let place = Place::new();
    place.put("a", "new");
    let theirs = "out/.workspace-export-0123456789abcdef/mine";
    place.file(theirs, "precious");
    place.file("out/other", "other");
    place.error(7, &["export", "out"]);
    assert!(place.path(theirs).exists());
    place.ok(&["export", "out", "--force"]);
    assert_eq!(fs::read(place.path(theirs)).unwrap(), b"precious");
    // What an export left is known by what is in it, and is not in the way of the next.
    place.file("in/large", vec![b'x'; 3_000_000]);
    place.ok(&["import", "in"]);
    place.ok(&["export", "left"]);
    let made = "left/.workspace-export-0123456789abcdef";
    let mark = "What an export of `workspace` has not put in its place yet.\n";
    fs::remove_dir_all(place.path("left")).unwrap();
    place.file(&format!("{made}/export"), mark);
    place.file(&format!("{made}/tree/a/b"), "half");
    place.ok(&["export", "left"]);
    assert_eq!(names(&place, "left"), ["a", "large"]);
    // Nor is it imported.
    place.file(&format!("{made}/tree/b"), "half");
    place.ok(&["import", "left", "--into", "again"]);
    assert_eq!(place.ok(&["ls", "again"]), "a\nlarge\n");
}

also_behind_a_url![an_export_removes_what_an_earlier_one_left_and_nothing_else,];
