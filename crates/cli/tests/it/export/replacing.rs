//! What an export replaces stays until it is replaced, whatever ends the export.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::process::Command;

use super::{lose_objects, names};
use crate::support::Place;

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
    // One that was killed before it had marked its directory leaves it, with nothing in it.
    let is_marked = |name: &String| place.path(&format!("out/{name}/export")).exists();
    let mut left = names(&place, "out");
    left.retain(|name| !name.starts_with(".workspace-export-") || is_marked(name));
    assert_eq!(left.len(), 60);
    assert_eq!(
        fs::read_to_string(place.path("out/7")).unwrap(),
        contents(7, "new")
    );
}
