//! What goes in comes out: directories, archives and patches.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use super::{read, sample, to_seconds};
use crate::support::{Place, also_behind_a_url};

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
    place.ok(&["fork", "work"]);
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
    place.ok(&["fork", "work"]);
    place.ok(&["rm", "--copy", "work", "a"]);
    place.put_in("work", "a", "same");
    assert_eq!(place.ok(&["diff", "--copy", "work"]), "");
    assert_eq!(place.ok(&["diff", "--copy", "work", "--name-status"]), "");
    place.put_in("work", "b", "changed");
    let patch = place.ok(&["export", "-", "--format", "patch", "--copy", "work"]);
    assert!(patch.starts_with("diff --git a/b b/b\n"), "{patch}");
}

also_behind_a_url![
    a_directory_comes_out_as_it_went_in,
    a_file_that_differs_in_time_alone_is_no_difference,
    archives_are_written_by_their_names,
    git_applies_the_patch,
    tar_reads_the_archive,
];
