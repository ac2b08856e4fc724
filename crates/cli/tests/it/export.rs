//! What goes in comes out: directories, archives and patches.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::support::{Place, also_behind_a_url};

type Found = BTreeMap<String, (String, bool, i64, Vec<u8>)>;

/// Reads a directory: kind, executable bit, time and content of each entry.
fn read(root: &Path) -> Found {
    fn below(root: &Path, path: &Path, found: &mut Found) {
        for entry in fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            let name = path
                .strip_prefix(root)
                .unwrap()
                .to_str()
                .unwrap()
                .to_string();
            let meta = fs::symlink_metadata(&path).unwrap();
            let executable = meta.permissions().mode() & 0o100 != 0;
            let millis = meta.mtime() * 1000 + meta.mtime_nsec() / 1_000_000;
            if meta.is_dir() {
                found.insert(name, ("directory".into(), false, 0, Vec::new()));
                below(root, &path, found);
            } else if meta.is_symlink() {
                let target = fs::read_link(&path).unwrap().into_os_string();
                let target = target.into_encoded_bytes();
                found.insert(name, ("symlink".into(), false, millis, target));
            } else {
                let content = fs::read(&path).unwrap();
                found.insert(name, ("file".into(), executable, millis, content));
            }
        }
    }
    let mut found = Found::new();
    below(root, root, &mut found);
    found
}

fn sample(place: &Place) -> Found {
    place.file("in/README.md", "# Sample\n");
    place.file("in/src/main.rs", "fn main() {}\n");
    place.file("in/empty", "");
    place.file(
        "in/large.bin",
        (0..3_000_000u32)
            .map(|n| (n * 7 % 251) as u8)
            .collect::<Vec<_>>(),
    );
    let script = place.file("in/bin/run", "#!/bin/sh\n");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let name = "n".repeat(120);
    place.file(&format!("in/deep/{name}/{name}/file"), "far down");
    fs::create_dir_all(place.path("in/nothing/inside")).unwrap();
    symlink("../README.md", place.path("in/src/readme")).unwrap();
    symlink("/etc/passwd", place.path("in/outward")).unwrap();
    let far = format!("x//{}", "y/".repeat(80));
    symlink(far, place.path("in/far")).unwrap();
    let old = filetime_of(1_000_000_000);
    for path in ["in/README.md", "in/src/main.rs"] {
        let file = fs::File::options()
            .write(true)
            .open(place.path(path))
            .unwrap();
        file.set_modified(old).unwrap();
    }
    read(&place.path("in"))
}

fn filetime_of(seconds: u64) -> std::time::SystemTime {
    std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds)
}

/// Drops what an archive does not keep: fractions of seconds.
fn to_seconds(found: &Found) -> Found {
    let mut found = found.clone();
    for entry in found.values_mut() {
        entry.2 -= entry.2.rem_euclid(1000);
    }
    found
}

#[test]
fn a_directory_comes_out_as_it_went_in() {
    let place = Place::new();
    let before = sample(&place);
    place.ok(&["import", "in"]);
    place.ok(&["export", "out"]);
    assert_eq!(read(&place.path("out")), before);
    place.ok(&["export", "part", "--below", "src", "--at", "1"]);
    assert_eq!(read(&place.path("part")).len(), 2);
    place.whole();
}

#[test]
fn archives_are_written_by_their_names() {
    let place = Place::new();
    let before = sample(&place);
    place.ok(&["import", "in"]);
    fn unpack<'a>(program: &'a str, arguments: &[&'a str]) -> (&'a str, Vec<&'a str>) {
        (program, arguments.to_vec())
    }
    for (name, (program, arguments)) in [
        ("site.tar", unpack("tar", &["-xf", "../site.tar"])),
        ("Site.TAR", unpack("tar", &["-xf", "../Site.TAR"])),
        ("site.tar.gz", unpack("tar", &["-xzf", "../site.tar.gz"])),
        ("site.tgz", unpack("tar", &["-xzf", "../site.tgz"])),
        (
            "site.tar.zst",
            unpack("bsdtar", &["-xpf", "../site.tar.zst"]),
        ),
        ("site.zip", unpack("unzip", &["-q", "../site.zip"])),
        ("again.zip", unpack("bsdtar", &["-xpf", "../again.zip"])),
    ] {
        place.ok(&["export", name, "--at", "1"]);
        let out = place.path(&format!("out-{name}"));
        fs::create_dir(&out).unwrap();
        let unpacked = Command::new(program)
            .args(arguments)
            .current_dir(&out)
            .status();
        assert!(unpacked.unwrap().success(), "{program} reads {name}");
        let [mut found, mut expected] = [read(&out), before.clone()].map(|all| to_seconds(&all));
        if program == "unzip" {
            // It gives links no time.
            for entry in found.values_mut().chain(expected.values_mut()) {
                entry.2 *= i64::from(entry.0 != "symlink");
            }
        }
        assert!(found == expected, "{name}");
        place.ok(&["import", name, "--into", name]);
        let back = place.path(&format!("back-{name}"));
        place.ok(&[
            "export",
            back.to_str().unwrap(),
            "--below",
            name,
            "--format",
            "directory",
        ]);
        assert!(to_seconds(&read(&back)) == to_seconds(&before), "{name}");
    }
    // On standard output too, byte for byte.
    for format in ["tar", "tar.gz", "tar.zst", "zip"] {
        let name = format!("x.{format}");
        place.ok(&["export", &name, "--at", "1"]);
        let piped = place
            .command()
            .args(["export", "-", "--at", "1", "--format", format])
            .output()
            .unwrap();
        assert!(
            piped.stdout == fs::read(place.path(&name)).unwrap(),
            "{format}"
        );
    }
    for name in ["x.tar.xz", "x.7z", "x.TBZ2"] {
        place.error(16, &["export", name]);
        assert!(!place.path(name).exists());
    }
}

/// Readers on macOS and FreeBSD take a link without the start of its target in the
/// header for an empty file.
#[test]
fn links_of_any_length_come_out_of_an_archive_as_they_are() {
    let targets = [
        "x".repeat(101),
        "./".repeat(60) + "x",
        "a/./".repeat(40) + "b",
        "a//b".into(),
    ];
    for (number, target) in targets.iter().enumerate() {
        let place = Place::new();
        fs::create_dir(place.path("in")).unwrap();
        symlink(target, place.path("in/link")).unwrap();
        place.ok(&["import", "in"]);
        for (name, program) in [("a.tar", "tar"), ("b.tar", "bsdtar"), ("c.zip", "bsdtar")] {
            place.ok(&["export", name]);
            let out = place.path(&format!("out{number}{name}"));
            fs::create_dir(&out).unwrap();
            let unpacked = Command::new(program)
                .args(["-xf", &format!("../{name}")])
                .current_dir(&out)
                .status();
            assert!(unpacked.unwrap().success(), "{program} reads {target}");
            let found = fs::read_link(out.join("link")).unwrap();
            assert_eq!(found.to_str().unwrap(), target, "{program}");
        }
    }
}

#[test]
fn times_before_1970_go_into_archives_and_come_back() {
    let place = Place::new();
    let old = place.file("in/old", "x");
    let time = std::time::UNIX_EPOCH - std::time::Duration::from_millis(1_000_250);
    let file = fs::File::options().write(true).open(old).unwrap();
    file.set_modified(time).unwrap();
    place.ok(&["import", "in"]);
    for name in ["x.tar", "x.zip"] {
        place.ok(&["export", name]);
        place.ok(&["import", name, "--into", name]);
        let found = place.json(&["stat", &format!("{name}/old")]);
        assert_eq!(found["modified"], "1969-12-31T23:43:19.000Z", "{name}");
    }
}

#[test]
fn tar_reads_the_archive() {
    let place = Place::new();
    let before = sample(&place);
    place.ok(&["import", "in"]);
    place.ok(&["export", "out.tar"]);
    fs::create_dir(place.path("out")).unwrap();
    let unpack = |arguments: &[&str]| {
        let status = Command::new("tar")
            .args(arguments)
            .current_dir(place.directory.path())
            .status();
        assert!(status.unwrap().success());
    };
    unpack(&["-xf", "out.tar", "-C", "out"]);
    assert_eq!(to_seconds(&read(&place.path("out"))), to_seconds(&before));
    let piped = place.command().args(["export", "-"]).output().unwrap();
    assert_eq!(piped.stdout, fs::read(place.path("out.tar")).unwrap());

    place.ok(&["import", "out.tar", "--into", "again"]);
    place.ok(&["export", "again", "--below", "again"]);
    assert_eq!(to_seconds(&read(&place.path("again"))), to_seconds(&before));
}

#[test]
fn git_applies_the_patch() {
    let place = Place::new();
    place.put("text", "one\ntwo\nthree\n");
    place.put("gone", "gone\n");
    place.put("moved from", "moved, and much the same\n");
    place.put("mode", "mode\n");
    place.ok(&["export", "in"]);
    place.ok(&["copy", "new", "work"]);
    place.put_in("work", "text", "one\n2\nthree");
    place.ok(&["rm", "--copy", "work", "gone"]);
    place.ok(&["mv", "--copy", "work", "moved from", "moved to"]);
    place.put_in("work", "new/é\t\"quoted\"", "new\r\n");
    place.put_in("work", "binary", "a\0b");
    place.put_in("work", "empty", "");
    let ran = place.run_with(&["put", "-x", "--copy", "work", "mode"], b"mode\n");
    assert_eq!(ran.code, 0);
    place.ok(&["export", "work.patch", "--copy", "work"]);
    place.ok(&["export", "after", "--copy", "work"]);
    let status = Command::new("git")
        .args(["apply", "--whitespace=nowarn", "../work.patch"])
        .current_dir(place.path("in"))
        .env("GIT_CEILING_DIRECTORIES", place.directory.path())
        .status();
    assert!(status.unwrap().success());
    let timeless = |root: &str| {
        let mut found = read(&place.path(root));
        found.values_mut().for_each(|entry| entry.2 = 0);
        found
    };
    assert_eq!(timeless("in"), timeless("after"));
}

#[test]
fn a_file_that_differs_in_time_alone_is_no_difference() {
    let place = Place::new();
    place.put("a", "same");
    place.put("b", "other");
    place.ok(&["copy", "new", "work"]);
    place.ok(&["rm", "--copy", "work", "a"]);
    place.put_in("work", "a", "same");
    assert_eq!(place.ok(&["diff", "--copy", "work"]), "");
    assert_eq!(place.ok(&["diff", "--copy", "work", "--name-status"]), "");
    place.put_in("work", "b", "changed");
    let patch = place.ok(&["export", "-", "--format", "patch", "--copy", "work"]);
    assert!(patch.starts_with("diff --git a/b b/b\n"), "{patch}");
}

#[test]
fn an_export_takes_no_place_that_holds_something() {
    let place = Place::new();
    place.put("a", "new");
    place.file("out/a", "old");
    place.file("out/b", "other");
    let error = place.error(7, &["export", "out"]);
    assert_eq!(error["code"], "not_empty");
    assert!(error["hint"].as_str().unwrap().contains("--force"));
    assert_eq!(fs::read(place.path("out/a")).unwrap(), b"old");
    place.ok(&["export", "out", "--force"]);
    assert_eq!(fs::read(place.path("out/a")).unwrap(), b"new");
    assert_eq!(fs::read(place.path("out/b")).unwrap(), b"other");

    place.file("x.tar", "mine");
    place.error(4, &["export", "x.tar"]);
    assert_eq!(fs::read(place.path("x.tar")).unwrap(), b"mine");
    place.ok(&["export", "x.tar", "--force"]);
    place.error(2, &["export", "-", "--format", "directory"]);
    place.error(3, &["export", "absent/x.tar"]);
}

/// What is gone from the copy goes from the directory as well, and does not come back with
/// the next import; what a person made there stays, asked or not.
#[test]
fn an_export_removes_what_an_earlier_one_left_and_nothing_else() {
    let place = Place::new();
    place.put("kept", "kept");
    place.put("base", "of the base");
    place.ok(&["snapshot"]);
    place.ok(&["copy", "new", "work"]);
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

/// Whoever wrote a copy does not decide what runs where it is exported to.
#[test]
fn an_export_into_a_checkout_is_not_run_by_git() {
    let place = Place::new();
    let git = |args: &[&str]| {
        let mut git = Command::new("git");
        let status = git.args(args).current_dir(place.path("out")).status();
        assert!(status.unwrap().success(), "git {args:?}");
    };
    fs::create_dir(place.path("out")).unwrap();
    git(&["init", "-q"]);
    let config = fs::read(place.path("out/.git/config")).unwrap();
    for name in [
        ".git",
        ".GIT",
        "git~1",
        "GIT~1",
        ".git ",
        ".git.",
        ".g\u{200c}it",
        "sub/.Git",
    ] {
        place.file("config", "[core]\n\tfsmonitor = touch ran\n");
        place.ok(&["put", &format!("/{name}/config"), "--parents", "config"]);
        place.file("fine", "fine");
        let error = place.error(2, &["export", "out", "--force"]);
        assert!(error.to_string().contains("--allow-git"), "{name}: {error}");
        let found = fs::read_dir(place.path("out")).unwrap();
        assert_eq!(found.count(), 1, "{name}: nothing is written");
        place.ok(&["export", "all.tar", "--force"]);
        place.ok(&["rm", "-r", &format!("/{}", name.split('/').next().unwrap())]);
    }
    git(&["status"]);
    assert_eq!(fs::read(place.path("out/.git/config")).unwrap(), config);
    assert!(!place.path("out/ran").exists());
    for (name, file) in [(".gitignore", "x"), ("a.git", "x"), ("gitx~1", "x")] {
        place.file(name, file);
        place.ok(&["put", &format!("/{name}"), name]);
    }
    place.ok(&["export", "out", "--force"]);
    place.file("config", "x");
    place.ok(&["put", "/.git/own", "--parents", "config"]);
    place.ok(&["export", "out", "--force", "--allow-git"]);
    assert!(place.path("out/.git/own").exists());
}

#[test]
fn an_export_never_takes_the_place_of_a_workspace() {
    let place = Place::new();
    place.put("a", "one");
    place.ok(&["snapshot"]);
    place.put("a", "two");
    place.ok(&["snapshot"]);
    let log = place.ok(&["log"]);
    // As an archive of a project with its workspace would bring it, or whoever wrote a copy.
    for name in [".workspace", ".Workspace", "sub/.workspace", "WORKSP~1"] {
        place.put(&format!("/{name}/workspace.db"), "mine");
        let error = place.error(2, &["export", ".", "--force"]);
        assert!(
            error["hint"].as_str().unwrap().contains("archive"),
            "{error}"
        );
        place.error(2, &["export", ".", "--force", "--allow-git"]);
        place.ok(&["export", "all.tar", "--force"]);
        place.ok(&["rm", "-r", &format!("/{}", name.split('/').next().unwrap())]);
    }
    // Nor does it go into one, by whatever way.
    place.put("/workspace.db", "mine");
    symlink(".workspace", place.path("way")).unwrap();
    for target in [
        ".workspace",
        ".workspace/objects",
        ".workspace/new/deep",
        "way",
        ".workspace/workspace.db",
        ".workspace/x.tar",
    ] {
        for format in ["directory", "tar", "patch"] {
            let error = place.error(8, &["export", target, "--force", "--format", format]);
            assert!(error.to_string().contains("workspace"), "{error}");
        }
    }
    place.ok(&["rm", "/workspace.db"]);
    // Nor into one of another name that is within the target.
    place.ok(&["init", "-w", "out/other"]);
    place.file("out/a", "old");
    place.put("/other/config", "mine");
    let config = fs::read(place.path("out/other/config")).unwrap();
    place.error(8, &["export", "out", "--force"]);
    assert_eq!(fs::read(place.path("out/other/config")).unwrap(), config);
    assert_eq!(fs::read(place.path("out/a")).unwrap(), b"old");
    assert_eq!(place.ok(&["log"]), log);
    place.whole();
}

#[test]
fn an_export_writes_no_repository_of_another_name() {
    let place = Place::new();
    for name in ["HEAD", "objects/x", "refs/x", "config"] {
        place.put(&format!("sub/{name}"), "x");
    }
    let error = place.error(2, &["export", "out"]);
    assert_eq!(error["path"], "/sub");
    assert!(!place.path("out").exists());
    // Also where it would be the target itself.
    place.error(2, &["export", "out", "--below", "sub"]);
    place.ok(&["export", "out", "--allow-git"]);
    assert!(place.path("out/sub/config").exists());
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

#[test]
fn an_export_that_is_asked_to_end_leaves_nothing_behind() {
    let place = Place::new();
    let noise: Vec<u8> = (0..40_000_000_u64)
        .map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as u8)
        .collect();
    place.file("in/large", noise);
    place.ok(&["import", "in"]);
    fs::create_dir(place.path("to")).unwrap();
    for (target, signal, expected) in [
        ("to/x.tar.gz", "-INT", 130),
        ("to/x.tar.gz", "-TERM", 143),
        ("to/x.zip", "-KILL", -1),
        ("to/out", "-TERM", 143),
    ] {
        let mut command = place.command();
        let mut child = command.args(["export", target, "-q"]).spawn().unwrap();
        // Until it is at work.
        let began = std::time::Instant::now();
        let descriptors = format!("/proc/{}/fd", child.id());
        let at_work = || {
            let found = fs::read_dir(&descriptors).into_iter().flatten().flatten();
            let to = place.path("to");
            found
                .filter_map(|entry| fs::read_link(entry.path()).ok())
                .any(|open| open.starts_with(&to))
        };
        while !at_work() && began.elapsed().as_secs() < 20 {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        let mut kill = Command::new("kill");
        kill.args([signal, &child.id().to_string()])
            .status()
            .unwrap();
        let status = child.wait().unwrap();
        // One that was done already ends as it would.
        if status.code() == Some(0) {
            let _file = fs::remove_file(place.path(target));
            let _directory = fs::remove_dir_all(place.path(target));
            continue;
        }
        assert_eq!(status.code().unwrap_or(-1), expected, "{target}");
        if target.ends_with("out") {
            assert_eq!(names(&place, target), [""; 0]);
            fs::remove_dir(place.path(target)).unwrap();
        }
        assert_eq!(names(&place, "to"), [""; 0], "{target} {signal}");
    }
}

#[test]
fn files_keep_the_permissions_of_those_that_give_way_to_them() {
    let place = Place::new();
    for (name, mode) in [("plain", 0o640), ("secret", 0o600), ("run", 0o750)] {
        place.put(name, "new");
        let old = place.file(&format!("out/{name}"), "old");
        fs::set_permissions(old, fs::Permissions::from_mode(mode)).unwrap();
    }
    place.file("program", "#!");
    place.ok(&["put", "--executable", "secret", "program"]);
    place.ok(&["export", "out", "--force"]);
    let mode = |name: &str| {
        fs::metadata(place.path(&format!("out/{name}")))
            .unwrap()
            .mode()
            & 0o777
    };
    assert_eq!(
        (mode("plain"), mode("secret"), mode("run")),
        (0o640, 0o700, 0o640)
    );
}

#[test]
fn exports_into_one_directory_leave_each_other_alone() {
    let place = Place::empty();
    let homes = ["1", "2", "3", "4"].map(|name| place.path(name));
    for home in &homes {
        place.ok(&["init", "-q", "-w", home.to_str().unwrap()]);
        place.ok(&["mkdir", "-w", home.to_str().unwrap(), "--parents", "d/e"]);
        let put = ["put", "-w", home.to_str().unwrap(), "d/file"];
        assert_eq!(place.run_with(&put, b"content").code, 0);
    }
    std::thread::scope(|scope| {
        for home in &homes {
            scope.spawn(|| {
                for _ in 0..40 {
                    let home = home.to_str().unwrap();
                    let ran = place.run(&["-w", home, "export", "out", "--force"]);
                    // One of two that find nothing under a name is second.
                    let was_second = ran.code == 4 && ran.stderr.contains("already exists");
                    assert!(ran.code == 0 || was_second, "{}", ran.stderr);
                }
            });
        }
    });
    assert_eq!(names(&place, "out"), ["d"]);
    assert_eq!(names(&place, "out/d"), ["e", "file"]);
}

#[test]
fn an_export_never_writes_through_a_symlink() {
    let place = Place::new();
    place.put("dir/file", "mine");
    place.put("plain", "mine");
    fs::create_dir_all(place.path("outside")).unwrap();
    place.file("outside/target", "theirs");
    fs::create_dir_all(place.path("out")).unwrap();
    symlink(place.path("outside"), place.path("out/dir")).unwrap();
    symlink(place.path("outside/target"), place.path("out/plain")).unwrap();
    place.ok(&["export", "out", "--force"]);
    assert_eq!(fs::read(place.path("outside/target")).unwrap(), b"theirs");
    assert_eq!(fs::read_dir(place.path("outside")).unwrap().count(), 1);
    assert_eq!(fs::read(place.path("out/dir/file")).unwrap(), b"mine");
    assert!(
        !fs::symlink_metadata(place.path("out/plain"))
            .unwrap()
            .is_symlink()
    );
}

/// Deletes the objects of a place's workspace, so that no large content can be read.
fn lose_objects(place: &Place) {
    for object in fs::read_dir(place.path(".workspace/objects")).unwrap() {
        fs::remove_file(object.unwrap().path()).unwrap();
    }
}

/// Returns the names in a directory, in order.
fn names(place: &Place, directory: &str) -> Vec<String> {
    let entries = fs::read_dir(place.path(directory)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

#[test]
fn an_export_that_fails_leaves_what_it_was_to_replace() {
    let place = Place::new();
    place.put("a", "new");
    place.file("large", vec![b'x'; 2_000_000]);
    place.ok(&["put", "z/large", "large", "--parents"]);
    lose_objects(&place);
    fs::create_dir(place.path("to")).unwrap();
    for name in ["old.tar", "old.patch", "real.tar"] {
        place.file(&format!("to/{name}"), "precious");
    }
    symlink("real.tar", place.path("to/link.tar")).unwrap();
    place.file("to/dir/a", "precious");
    place.file("to/dir/z", "a file where a directory goes");
    for (target, format) in [
        ("to/old.tar", "tar"),
        ("to/link.tar", "tar"),
        ("to/old.patch", "patch"),
        ("to/dir", "directory"),
    ] {
        let error = place.error(17, &["export", target, "-f", format, "--force"]);
        assert_eq!(error["code"], "corrupt", "{target}");
        place.error(17, &["export", &format!("to/new-{format}"), "-f", format]);
    }
    for name in ["old.tar", "old.patch", "link.tar", "dir/a"] {
        let found = fs::read(place.path("to").join(name)).unwrap();
        assert_eq!(found, b"precious", "{name}");
    }
    assert!(place.path("to/link.tar").is_symlink());
    assert!(place.path("to/dir/z").is_file());
    assert_eq!(names(&place, "to/dir"), ["a", "z"]);
    assert_eq!(names(&place, "to/new-directory"), [""; 0]);
    let left = [
        "dir",
        "link.tar",
        "new-directory",
        "old.patch",
        "old.tar",
        "real.tar",
    ];
    assert_eq!(names(&place, "to"), left);
}

#[test]
fn an_archive_takes_the_place_of_a_file_and_of_nothing_else() {
    let place = Place::new();
    place.put("a", "new");
    place.file("real.tar", "old");
    fs::set_permissions(place.path("real.tar"), fs::Permissions::from_mode(0o640)).unwrap();
    symlink("real.tar", place.path("link.tar")).unwrap();
    place.error(4, &["export", "link.tar"]);
    place.ok(&["export", "link.tar", "--force"]);
    assert!(place.path("link.tar").is_symlink());
    let real = fs::metadata(place.path("real.tar")).unwrap();
    assert_eq!((real.len() > 500, real.mode() & 0o777), (true, 0o640));
    fs::create_dir(place.path("dir.tar")).unwrap();
    place.error(6, &["export", "dir.tar", "--force"]);
    symlink("nowhere", place.path("lost.tar")).unwrap();
    place.error(3, &["export", "lost.tar", "--force"]);
    // What is no file is written to, as it cannot be replaced.
    let mkfifo = Command::new("mkfifo").arg(place.path("fifo.tar")).status();
    assert!(mkfifo.unwrap().success());
    let fifo = place.path("fifo.tar");
    let reader = std::thread::spawn(move || fs::read(fifo).unwrap());
    place.ok(&["export", "fifo.tar", "--force"]);
    assert_eq!(
        reader.join().unwrap(),
        fs::read(place.path("real.tar")).unwrap()
    );
    place.ok(&["export", "/dev/null", "--format", "tar", "--force"]);
}

#[test]
fn files_and_directories_take_each_other_s_place_without_a_gap() {
    let place = Place::new();
    place.put("a/b", "new");
    place.put("kept/new", "new");
    place.put("plain", "new");
    place.file("out/a", "old");
    place.file("out/kept/old", "old");
    symlink("elsewhere", place.path("out/plain")).unwrap();
    place.ok(&["export", "out", "--force"]);
    assert_eq!(fs::read(place.path("out/a/b")).unwrap(), b"new");
    assert_eq!(names(&place, "out/kept"), ["new", "old"]);
    assert!(place.path("out/plain").is_file());
    assert_eq!(names(&place, "out"), ["a", "kept", "plain"]);

    place.file("other/plain/something", "theirs");
    place.file("other/a", "old");
    let error = place.error(6, &["export", "other", "--force"]);
    assert!(error["path"].as_str().unwrap().ends_with("other/plain"));
    assert_eq!(fs::read(place.path("other/a")).unwrap(), b"old");
    assert_eq!(names(&place, "other"), ["a", "plain"]);
}

#[test]
fn a_killed_export_leaves_whole_files_and_the_next_one_tidies_up() {
    let place = Place::new();
    let contents = |n: u32, text: &str| format!("{text} {n}\n").repeat(20_000);
    for n in 0..60 {
        place.file(&format!("in/{n}"), contents(n, "new"));
        place.file(&format!("out/{n}"), contents(n, "old"));
    }
    place.ok(&["import", "in"]);
    for delay in [5, 20, 40, 80] {
        let mut command = place.command();
        let mut child = command
            .args(["export", "out", "--force", "-q"])
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(delay));
        // One that is done already cannot be killed.
        let _ = child.kill();
        child.wait().unwrap();
        for n in 0..60 {
            let found = fs::read_to_string(place.path(&format!("out/{n}"))).unwrap();
            let whole = [contents(n, "old"), contents(n, "new")].contains(&found);
            assert!(whole, "{n} after {delay} ms");
        }
    }
    place.ok(&["export", "out", "--force"]);
    assert_eq!(names(&place, "out").len(), 60);
    assert_eq!(
        fs::read_to_string(place.path("out/7")).unwrap(),
        contents(7, "new")
    );
}

#[test]
#[cfg(target_os = "linux")]
fn a_tree_goes_where_its_paths_are_longer_than_the_system_takes() {
    let place = Place::new();
    let deep = vec!["d".repeat(200); 20].join("/");
    place.put(&format!("{deep}/f"), "hi\n");
    place.ok(&["mkdir", "--parents", &"e/".repeat(600)]);
    let above = "q".repeat(200);
    fs::create_dir(place.path(&above)).unwrap();
    place.ok(&["export", &format!("{above}/out")]);
    place.ok(&["export", &format!("{above}/out"), "--force"]);
    let mut command = place.command();
    let output = command
        .current_dir(place.path(&above))
        .args(["import", "out", "--into", "again"])
        .output();
    let said = String::from_utf8_lossy(&output.as_ref().unwrap().stderr).into_owned();
    assert!(output.unwrap().status.success(), "{said}");
    assert_eq!(place.ok(&["cat", &format!("again/{deep}/f")]), "hi\n");
    place.ok(&["rm", "-r", "again"]);
    place.ok(&["copy", "new", "other"]);
    place.ok(&["import", &format!("{above}/out"), "--copy", "other"]);
    assert_eq!(place.ok(&["diff", "other", "--name-status"]), "");
    // The standard library's own would stumble over it.
    let removed = Command::new("rm")
        .arg("-rf")
        .arg(place.path(&above))
        .status();
    assert!(removed.unwrap().success());
}

also_behind_a_url![
    archives_are_written_by_their_names,
    a_directory_comes_out_as_it_went_in,
    a_file_that_differs_in_time_alone_is_no_difference,
    an_export_into_a_checkout_is_not_run_by_git,
    an_export_removes_what_an_earlier_one_left_and_nothing_else,
    an_archive_takes_the_place_of_a_file_and_of_nothing_else,
    an_export_never_writes_through_a_symlink,
    an_export_takes_no_place_that_holds_something,
    git_applies_the_patch,
    tar_reads_the_archive,
];
