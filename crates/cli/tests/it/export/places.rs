//! Where an export may go.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::process::Command;

use crate::support::{Place, also_behind_a_url};

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
    place.ok(&["fork", "other"]);
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
    an_archive_takes_the_place_of_a_file_and_of_nothing_else,
    an_export_into_a_checkout_is_not_run_by_git,
    an_export_never_writes_through_a_symlink,
    an_export_takes_no_place_that_holds_something,
];
