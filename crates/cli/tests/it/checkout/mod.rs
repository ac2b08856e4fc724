//! A copy in a directory, and changes of either brought into the other.

mod failing;
mod watching;

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Place, Ran, also_behind_a_url};

/// A workspace with a draft that is checked out into `wd`.
fn checked_out(files: &[(&str, &str)]) -> Place {
    let place = Place::new();
    for (path, text) in files {
        place.put(path, text);
    }
    place.ok(&["fork", "draft"]);
    place.ok(&["checkout", "draft", "wd"]);
    place
}

/// Lists what is on disk: directories with a slash, files with what is in them.
fn on_disk(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut left = vec![root.to_owned()];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_str().unwrap();
            // One that is killed before it has marked its directory leaves it, with nothing
            // in it.
            let is_unmarked =
                name.starts_with(".workspace-export-") && !path.join("export").exists();
            if name == ".workspace" || is_unmarked {
                continue;
            }
            let meta = path.symlink_metadata().unwrap();
            if meta.is_dir() {
                found.push(format!("{name}/"));
                left.push(path);
            } else if meta.is_symlink() {
                found.push(format!(
                    "{name} -> {}",
                    fs::read_link(&path).unwrap().display()
                ));
            } else {
                let mark = if meta.permissions().mode() & 0o100 == 0 {
                    ""
                } else {
                    "*"
                };
                let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
                found.push(format!("{name}{mark}={}", text.trim_end()));
            }
        }
    }
    found.sort();
    found
}

/// Lists what is in a copy in the same way.
fn in_copy(place: &Place, copy: &str) -> Vec<String> {
    place.ok(&["export", &format!("of-{copy}"), "--copy", copy]);
    let directory = place.path(&format!("of-{copy}"));
    let found = on_disk(&directory);
    fs::remove_dir_all(directory).unwrap();
    found
}

/// Syncs, and returns what went to the copy, what to the directory, and what conflicts.
fn sync(place: &Place, arguments: &[&str]) -> [String; 3] {
    let all = [&["--json", "sync", "wd"], arguments].concat();
    let ran = place.run(&all);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap_or_default();
    let letter = |status: &str| match status {
        "added" => "A",
        "removed" => "D",
        "renamed" => "R",
        _ => "M",
    };
    let list = |name: &str| {
        let list = report[name]
            .as_array()
            .unwrap_or_else(|| panic!("{}", ran.stderr));
        let words = list.iter().map(|it| {
            let path = it["path"].as_str().unwrap();
            match it["status"].as_str() {
                Some(status) => format!("{}{path}", letter(status)),
                None => path.into(),
            }
        });
        words.collect::<Vec<_>>().join(" ")
    };
    let found = ["to_copy", "to_directory", "conflicts"].map(list);
    assert_eq!(
        ran.code == 0,
        found[2].is_empty() && report["kept"].is_null()
    );
    found
}

const NOTHING: [&str; 3] = ["", "", ""];

#[test]
fn what_is_changed_in_the_directory_is_one_operation_of_the_copy() {
    let place = checked_out(&[
        ("a", "1"),
        ("d/gone", "x"),
        ("d/old", "moved"),
        ("run", "#!"),
        ("same", "same"),
    ]);
    assert_eq!(sync(&place, &[]), NOTHING);
    place.file("wd/a", "2");
    place.file("wd/new/file", "new");
    fs::create_dir(place.path("wd/empty")).unwrap();
    fs::remove_file(place.path("wd/d/gone")).unwrap();
    fs::rename(place.path("wd/d/old"), place.path("wd/d/name")).unwrap();
    let run = place.path("wd/run");
    fs::set_permissions(run, fs::Permissions::from_mode(0o755)).unwrap();
    symlink("a", place.path("wd/link")).unwrap();
    let plan = "M/a D/d/gone R/d/name A/empty A/link A/new A/new/file M/run";
    assert_eq!(sync(&place, &["--dry-run"]), [plan, "", ""]);
    assert_eq!(
        place.json(&["operations", "-c", "draft"])["operations"],
        json!([])
    );
    assert_eq!(sync(&place, &["-m", "by hand"]), [plan, "", ""]);
    let operations = place.json(&["operations", "-c", "draft"]);
    let operations = operations["operations"].as_array().unwrap();
    assert_eq!(operations.len(), 1);
    assert_eq!(operations[0]["note"], "by hand");
    assert_eq!(operations[0]["actor"], "tester");
    assert_eq!(in_copy(&place, "draft"), on_disk(&place.path("wd")));
    assert_eq!(sync(&place, &[]), NOTHING);
    // Nobody's copy is left, and head is what it was.
    assert_eq!(place.ok(&["copies"]).lines().count(), 1);
    assert_eq!(place.ok(&["cat", "a"]), "1");
    place.ok(&["undo", "-c", "draft"]);
    let [to_copy, to_directory, conflicts] = sync(&place, &[]);
    assert_eq!([&*to_copy, &*conflicts], ["", ""]);
    assert_eq!(to_directory.split(' ').count(), 9, "{to_directory}");
    assert_eq!(in_copy(&place, "draft"), on_disk(&place.path("wd")));
    place.whole();
}

#[test]
fn what_is_changed_in_the_copy_comes_to_the_directory() {
    let place = checked_out(&[
        ("a", "1"),
        ("d/gone", "x"),
        ("d/e/old", "moved"),
        ("kind", "x"),
    ]);
    fs::set_permissions(place.path("wd/a"), fs::Permissions::from_mode(0o640)).unwrap();
    place.put_in("draft", "a", "2");
    place.put_in("draft", "f/new", "new");
    place.ok(&["mv", "-c", "draft", "d/e/old", "top"]);
    place.ok(&["rm", "-c", "draft", "-r", "d"]);
    place.ok(&["rm", "-c", "draft", "kind"]);
    place.put_in("draft", "kind/file", "x");
    let plan = "M/a D/d D/d/e D/d/e/old D/d/gone A/f A/f/new M/kind A/kind/file A/top";
    assert_eq!(sync(&place, &[]), ["", plan, ""]);
    let expected = [
        "a=2",
        "f/",
        "f/new=new",
        "kind/",
        "kind/file=x",
        "top=moved",
    ];
    assert_eq!(on_disk(&place.path("wd")), expected);
    let mode = place.path("wd/a").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
    assert_eq!(sync(&place, &[]), NOTHING);
    assert_eq!(
        place.json(&["operations", "-c", "draft"])["operations"]
            .as_array()
            .unwrap()
            .len(),
        6
    );
}

/// Removed in the copy and left in the directory, as an export leaves it, a file came back.
#[test]
fn what_was_removed_on_one_side_stays_removed() {
    let place = checked_out(&[("a", "1"), ("b", "1"), ("c", "1")]);
    place.ok(&["rm", "-c", "draft", "a"]);
    fs::remove_file(place.path("wd/b")).unwrap();
    place.file("wd/c", "2");
    assert_eq!(sync(&place, &[]), ["D/b M/c", "D/a", ""]);
    for _ in 0..2 {
        assert_eq!(on_disk(&place.path("wd")), ["c=2"]);
        assert_eq!(in_copy(&place, "draft"), ["c=2"]);
        assert_eq!(sync(&place, &[]), NOTHING);
    }
}

#[test]
fn what_both_sides_changed_is_told_and_stays_until_somebody_decides() {
    let files = [("both", "1"), ("gone", "1"), ("left", "1"), ("other", "1")];
    let place = checked_out(&files);
    let change = || {
        for (path, text) in [("both", "copy"), ("gone", "copy"), ("new", "copy")] {
            place.put_in("draft", path, text);
        }
        place.ok(&["rm", "-c", "draft", "left"]);
        fs::remove_file(place.path("wd/gone")).unwrap();
        for (path, text) in [("both", "mine"), ("new", "mine"), ("left", "mine")] {
            place.file(&format!("wd/{path}"), text);
        }
        place.file("wd/other", "2");
    };
    change();
    let all = "/both /gone /left /new";
    assert_eq!(sync(&place, &["-n"]), ["M/other", "", all]);
    assert_eq!(sync(&place, &[]), ["M/other", "", all]);
    assert_eq!(
        on_disk(&place.path("wd")),
        ["both=mine", "left=mine", "new=mine", "other=2"]
    );
    assert_eq!(
        in_copy(&place, "draft"),
        ["both=copy", "gone=copy", "new=copy", "other=2"]
    );
    let ran = place.run(&["sync", "wd"]);
    assert_eq!(ran.code, 1);
    for told in [
        "/both: changed in the copy, changed in the directory",
        "/gone: changed in the copy, removed in the directory",
        "/left: removed in the copy, changed in the directory",
        "/new: added in the copy, added in the directory",
    ] {
        assert!(ran.stdout.contains(told), "{}", ran.stdout);
    }
    assert!(ran.stderr.contains("--take"), "{}", ran.stderr);
    let error = place.error(2, &["sync", "wd", "--take", "copy:/other"]);
    assert_eq!(error["reason"], "no_conflict");
    place.error(2, &["sync", "wd", "--take", "ours"]);
    let taken = ["--take", "copy:both", "--take", "directory:gone"];
    assert_eq!(sync(&place, &taken), ["D/gone", "M/both", "/left /new"]);
    let taken = ["--take", "directory", "--take", "copy:left"];
    assert_eq!(sync(&place, &taken), ["M/new", "D/left", ""]);
    let expected = ["both=copy", "new=mine", "other=2"];
    assert_eq!(on_disk(&place.path("wd")), expected);
    assert_eq!(in_copy(&place, "draft"), expected);
    assert_eq!(sync(&place, &[]), NOTHING);
}

#[test]
fn a_directory_that_became_a_file_conflicts_with_what_was_changed_in_it() {
    let place = checked_out(&[("d/a", "1"), ("d/b", "1"), ("e/a", "1")]);
    fs::remove_dir_all(place.path("wd/d")).unwrap();
    place.file("wd/d", "a file");
    place.put_in("draft", "d/a", "2");
    fs::remove_dir_all(place.path("wd/e")).unwrap();
    place.file("wd/e", "a file");
    assert_eq!(sync(&place, &[]), ["M/e D/e/a", "", "/d"]);
    assert_eq!(on_disk(&place.path("wd")), ["d=a file", "e=a file"]);
    assert_eq!(
        in_copy(&place, "draft"),
        ["d/", "d/a=2", "d/b=1", "e=a file"]
    );
    assert_eq!(sync(&place, &["--take", "copy"])[2], "");
    assert_eq!(on_disk(&place.path("wd")), in_copy(&place, "draft"));
    assert!(place.path("wd/d/a").exists());
}

#[test]
fn a_checkout_is_no_part_of_anything_and_says_which_workspace_it_is_of() {
    let place = checked_out(&[("a", "1")]);
    place.file("other/file", "mine");
    place.error(7, &["checkout", "draft", "other"]);
    assert_eq!(on_disk(&place.path("other")), ["file=mine"]);
    place.error(8, &["checkout", "draft", ".workspace/wd"]);
    place.error(3, &["checkout", "nobody", "new"]);
    assert!(!place.path("new").exists());
    // What it remembers is not imported.
    let imported = place.json(&["import", "wd", "--into", "in"]);
    assert_eq!(
        (&imported["files"], &imported["left_out"]),
        (&json!(1), &json!(1))
    );
    // Anywhere in it, it is found.
    let sub = place.path("wd/sub");
    fs::create_dir(&sub).unwrap();
    let mut command = place.command();
    let ran = Ran::of(command.current_dir(&sub).arg("sync").output().unwrap());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("A  /sub/"), "{}", ran.stdout);
    let error = place.error(3, &["sync", "other"]);
    assert!(
        error["hint"].as_str().unwrap().contains("checkout"),
        "{error}"
    );
    fs::write(place.path("wd/.workspace"), "{\n").unwrap();
    assert_eq!(place.error(17, &["sync", "wd"])["code"], "corrupt");
}

/// As long as nobody says that it may have the token, a URL that a file names is not asked.
#[test]
fn a_checkout_of_a_workspace_here_is_worked_on_from_within_and_of_a_url_only_by_name() {
    let place = checked_out(&[("a", "1")]);
    let away = tempfile::tempdir().unwrap();
    let wd = away.path().join("wd");
    place.ok(&["checkout", "draft", wd.to_str().unwrap()]);
    let mut command = place.command();
    let ran = Ran::of(
        command
            .current_dir(&wd)
            .args(["ls", "-c", "draft"])
            .output()
            .unwrap(),
    );
    assert_eq!((&*ran.stdout, ran.code), ("a\n", 0), "{}", ran.stderr);
    fs::write(wd.join("a"), "2").unwrap();
    let ran = Ran::of(
        place
            .command()
            .current_dir(&wd)
            .arg("sync")
            .output()
            .unwrap(),
    );
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(place.ok(&["cat", "a", "-c", "draft"]), "2");
    let text = fs::read_to_string(wd.join(".workspace")).unwrap();
    let (first, rest) = text.split_once('\n').unwrap();
    let mut first: Value = serde_json::from_str(first).unwrap();
    first["from"] = json!({"remote": "http://127.0.0.1:1/w"});
    fs::write(wd.join(".workspace"), format!("{first}\n{rest}")).unwrap();
    let mut command = place.command();
    command.env("WORKSPACE_TOKEN", "a-token-of-16-bytes");
    let ran = Ran::of(command.current_dir(&wd).arg("sync").output().unwrap());
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("--remote http://127.0.0.1:1/w"),
        "{}",
        ran.stderr
    );
    let ran = Ran::of(place.command().current_dir(&wd).arg("ls").output().unwrap());
    assert_eq!(ran.code, 2, "{}", ran.stderr);
}

/// The search for a workspace went on above a checkout whose own cannot be reached, and
/// what stood there was changed.
#[test]
fn a_command_in_a_checkout_worked_on_another_workspace_above_it() {
    let place = checked_out(&[("mine", "1")]);
    let text = fs::read_to_string(place.path("wd/.workspace")).unwrap();
    let (first, rest) = text.split_once('\n').unwrap();
    let mut first: Value = serde_json::from_str(first).unwrap();
    first["from"] = json!({"remote": "https://x.example/w"});
    let remote = format!("{first}\n{rest}");
    fs::create_dir(place.path("wd/below")).unwrap();
    for (memory, code, hint) in [
        (&*remote, 2, "--remote https://x.example/w"),
        ("{\"version\":2}\n", 16, "newer version"),
        ("what?\n", 17, "check out again"),
    ] {
        fs::write(place.path("wd/.workspace"), memory).unwrap();
        for (directory, arguments) in [("wd", &["ls"][..]), ("wd/below", &["rm", "mine"])] {
            let mut command = place.command();
            command.current_dir(place.path(directory)).args(arguments);
            let ran = Ran::of(command.output().unwrap());
            assert_eq!(ran.code, code, "{}{}", ran.stdout, ran.stderr);
            assert!(ran.stderr.contains(hint), "{}", ran.stderr);
        }
    }
    assert_eq!(place.ok(&["ls"]), "mine\n");
}

#[test]
fn what_is_ignored_stays_on_disk_and_what_came_from_the_tree_is_not_forgotten_for_a_rule() {
    let place = Place::new();
    place.put(".gitignore", "*.log\nbuild\n");
    place.put("kept.log", "1");
    place.put("build/a", "1");
    place.put("src/a", "1");
    place.ok(&["checkout", "head", "wd", "--ignore"]);
    place.file("wd/own.log", "mine");
    place.file("wd/build/b", "mine");
    place.file("wd/kept.log", "2");
    place.file("wd/src/x.log", "mine");
    assert_eq!(sync(&place, &[]), ["M/kept.log", "", ""]);
    assert_eq!(place.ok(&["cat", "kept.log"]), "2");
    // A directory that is removed keeps what is not of the tree.
    place.ok(&["rm", "-r", "src"]);
    let ran = place.run(&["sync", "wd"]);
    assert_eq!(ran.code, 1, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stderr.contains("/src stays"), "{}", ran.stderr);
    assert!(place.path("wd/src/x.log").exists() && !place.path("wd/src/a").exists());
}

#[test]
fn head_gets_a_revision_and_a_revision_gets_nothing() {
    let place = Place::new();
    place.put("a", "1");
    place.ok(&["snapshot", "-m", "first"]);
    let told = place.json(&["checkout", "wd"]);
    assert_eq!((&told["files"], &told["bytes"]), (&json!(1), &json!(1)));
    place.file("wd/a", "2");
    let report = place.json(&["sync", "wd", "-m", "by hand"]);
    assert_eq!(report["revision"], 2);
    assert_eq!(place.ok(&["cat", "a"]), "2");
    assert_eq!(place.json(&["log"])["revisions"][0]["message"], "by hand");
    place.ok(&["checkout", "1", "old"]);
    assert_eq!(fs::read_to_string(place.path("old/a")).unwrap(), "1");
    place.ok(&["sync", "old"]);
    place.file("old/a", "3");
    let error = place.error(9, &["sync", "old"]);
    assert!(
        error["hint"].as_str().unwrap().contains("--revision 1"),
        "{error}"
    );
    assert!(place.ok(&["sync", "old", "-n"]).contains("M  /a"));
    assert_eq!(place.ok(&["cat", "a"]), "2");
}

#[test]
fn nothing_is_written_or_read_through_a_symlink() {
    let place = checked_out(&[("d/a", "1"), ("d/b", "1")]);
    place.file("outside/a", "precious");
    fs::remove_dir_all(place.path("wd/d")).unwrap();
    symlink("../outside", place.path("wd/d")).unwrap();
    place.put_in("draft", "d/a", "2");
    assert_eq!(sync(&place, &[]), ["", "", "/d"]);
    assert_eq!(
        fs::read_to_string(place.path("outside/a")).unwrap(),
        "precious"
    );
    assert_eq!(sync(&place, &["--take", "copy"])[2], "");
    assert_eq!(on_disk(&place.path("wd")), ["d/", "d/a=2", "d/b=1"]);
    assert_eq!(on_disk(&place.path("outside")), ["a=precious"]);
}

#[test]
fn a_copy_that_is_closed_takes_nothing_more_and_the_directory_goes_on_with_another() {
    let place = checked_out(&[("a", "1")]);
    place.file("wd/a", "2");
    place.ok(&["discard", "draft"]);
    let error = place.error(12, &["sync", "wd"]);
    assert_eq!(error["code"], "closed");
    assert_eq!(on_disk(&place.path("wd")), ["a=2"]);
    // What was changed goes on with something else.
    assert!(
        error["hint"].as_str().unwrap().contains("checkout head"),
        "{error}"
    );
    place.put("b", "1");
    place.ok(&["fork", "next"]);
    let told = place.json(&["checkout", "next", "wd"]);
    assert_eq!(
        (&told["waiting"], &told["to_copy"]),
        (&json!(1), &json!([]))
    );
    assert_eq!(on_disk(&place.path("wd")), ["a=2", "b=1"]);
    assert_eq!(place.ok(&["cat", "-c", "next", "a"]), "1");
    assert_eq!(sync(&place, &[]), ["M/a", "", ""]);
    assert_eq!(place.ok(&["cat", "-c", "next", "a"]), "2");
    place.put_in("next", "a", "3");
    place.file("wd/a", "4");
    // What both changed is told, and stays.
    assert_eq!(place.run(&["checkout", "next", "wd"]).code, 1);
    assert_eq!(on_disk(&place.path("wd")), ["a=4", "b=1"]);
}

#[test]
fn a_file_that_git_would_run_is_not_checked_out() {
    let place = Place::new();
    let put = ["put", "-p", ".git/config"];
    assert_eq!(place.run_with(&put, b"[core]\n").code, 0);
    let error = place.error(2, &["checkout", "head", "wd"]);
    assert!(
        error["hint"].as_str().unwrap().contains("--allow-git"),
        "{error}"
    );
    assert!(!place.path("wd").exists());
    place.ok(&["checkout", "head", "wd", "--allow-git"]);
    place.file("wd/.git/config", "mine");
    assert_eq!(sync(&place, &[]), ["M/.git/config", "", ""]);
}

/// Whenever it is killed, a sync leaves what the next one can go on with.
#[test]
fn a_killed_sync_loses_nothing_on_either_side() {
    let place = checked_out(&[("start", "1")]);
    for n in 0..300 {
        place.file(&format!("in/{}/{n}", n % 7), format!("{n}\n").repeat(300));
    }
    for delay in [3, 8, 15, 25, 40, 60, 90] {
        place.ok(&[
            "import",
            "in",
            "-c",
            "draft",
            "--into",
            &format!("from-{delay}"),
        ]);
        for n in 0..100 {
            place.file(&format!("wd/own-{delay}/{n}"), format!("{n}\n").repeat(100));
        }
        let mut child = place.command();
        let mut child = child
            .args(["sync", "wd"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        sleep(Duration::from_millis(delay));
        let _ = child.kill();
        child.wait().unwrap();
        let ran = place.run(&["sync", "wd"]);
        assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
        assert_eq!(on_disk(&place.path("wd")), in_copy(&place, "draft"));
        assert_eq!(sync(&place, &[]), NOTHING);
    }
    let files = place.json(&["find", "-c", "draft", "--kind", "file"]);
    assert_eq!(files["entries"].as_array().unwrap().len(), 1 + 7 * 400);
    place.whole();
}

/// Numbers that are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % end
    }

    fn path(&mut self) -> String {
        let depth = 1 + self.below(3);
        let names: Vec<&str> = (0..depth)
            .map(|_| ["a", "b"][self.below(2) as usize])
            .collect();
        names.join("/")
    }
}

/// Removes whatever is at a path or on the way to it that is in the way.
fn make_way(root: &Path, path: &str) {
    let mut place = root.to_owned();
    for name in Path::new(path) {
        place.push(name);
        if place.symlink_metadata().is_ok_and(|meta| !meta.is_dir()) {
            fs::remove_file(&place).unwrap();
        }
    }
    if place.is_dir() {
        fs::remove_dir_all(place).unwrap();
    }
}

/// Does something on disk.
fn change_disk(root: &Path, numbers: &mut Numbers, text: &str) {
    let path = numbers.path();
    let place = root.join(&path);
    match numbers.below(6) {
        0 | 1 => {
            make_way(root, &path);
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            fs::write(place, text).unwrap();
        }
        2 => make_way(root, &path),
        3 => {
            make_way(root, &path);
            fs::create_dir_all(place).unwrap();
        }
        4 => {
            make_way(root, &path);
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            symlink(text, place).unwrap();
        }
        _ => {
            let to = numbers.path();
            let is_apart = !to.starts_with(&path) && !path.starts_with(&to);
            if place.symlink_metadata().is_ok() && is_apart {
                make_way(root, &to);
                fs::create_dir_all(root.join(&to).parent().unwrap()).unwrap();
                fs::rename(place, root.join(&to)).unwrap();
            }
        }
    }
}

/// Puts something that the rules ignore into a directory.
fn ignored(root: &Path, numbers: &mut Numbers) {
    let directory = root.join(numbers.path());
    if directory.is_dir() && !directory.is_symlink() {
        fs::write(directory.join("ign"), "mine").unwrap();
    }
}

/// Tells how what is on disk differs from what is in a copy, but for what is ignored, the
/// directories that it is in, and what would take their place.
fn differences(disk: &[String], copy: &[String]) -> Vec<String> {
    let is_ignored = |entry: &str| entry.ends_with("/ign=mine");
    let holds = |directory: &str| {
        let below = |it: &&String| it.starts_with(directory) && is_ignored(it);
        disk.iter().any(|it| below(&it))
    };
    let path = |entry: &str| entry.split(['=', '*', ' ']).next().unwrap().to_owned();
    let missing = copy.iter().filter(|it| {
        let name = path(it);
        let ends = name
            .match_indices('/')
            .map(|(at, _)| at)
            .chain([name.len()]);
        let mut above = ends.map(|end| format!("{}/", name[..end].trim_end_matches('/')));
        !disk.contains(it) && !above.any(|above| !copy.contains(&above) && holds(&above))
    });
    let besides = disk.iter().filter(|it| {
        let is_kept = is_ignored(it) || it.ends_with('/') && holds(it);
        !copy.contains(it) && !is_kept
    });
    missing.chain(besides).cloned().collect()
}

/// What is done in whatever way on both sides is on both afterwards, and what both did is
/// told; what is ignored stays, and nothing that is done again is forgotten for it.
#[test]
fn whatever_is_done_both_sides_end_up_alike() {
    let place = checked_out(&[
        ("a/a", "1"),
        ("a/b/a", "1"),
        ("b", "1"),
        (".gitignore", "ign"),
    ]);
    place.ok(&["checkout", "draft", "wd", "--ignore"]);
    place.ok(&["checkout", "draft", "theirs"]);
    let mut numbers = Numbers(7);
    let mut conflicts = 0;
    for round in 0..24 {
        // The same again now and then, as what is undone brings it.
        let text = |numbers: &mut Numbers, whose: &str| match numbers.below(3) {
            0 => "same".into(),
            n => format!("{whose} {round} {n}"),
        };
        for _ in 0..1 + numbers.below(3) {
            let text = text(&mut numbers, "mine");
            change_disk(&place.path("wd"), &mut numbers, &text);
        }
        ignored(&place.path("wd"), &mut numbers);
        for _ in 0..numbers.below(3) {
            let text = text(&mut numbers, "theirs");
            change_disk(&place.path("theirs"), &mut numbers, &text);
        }
        // That side is always up to date: what it does is done in the copy.
        let ran = place.run(&["sync", "theirs"]);
        assert_eq!(ran.code, 0, "{round}: {}{}", ran.stdout, ran.stderr);
        let before = (on_disk(&place.path("wd")), in_copy(&place, "draft"));
        let found = sync(&place, &[]);
        if !found[2].is_empty() {
            conflicts += 1;
            let side = ["copy", "directory"][numbers.below(2) as usize];
            assert_eq!(
                sync(&place, &["--take", side])[2],
                "",
                "{round}: {before:?}"
            );
        }
        let (disk, copy) = (on_disk(&place.path("wd")), in_copy(&place, "draft"));
        let differ = differences(&disk, &copy);
        assert_eq!(
            differ, [""; 0],
            "{round}: {before:?}, {found:?}, {disk:?}, {copy:?}"
        );
        assert_eq!(sync(&place, &[]), NOTHING, "{round}: {before:?}");
        assert_eq!(in_copy(&place, "draft"), copy, "{round}: {before:?}");
        place.ok(&["sync", "theirs"]);
    }
    assert!(conflicts > 2, "{conflicts}");
    place.whole();
}

also_behind_a_url![
    a_checkout_is_no_part_of_anything_and_says_which_workspace_it_is_of,
    a_copy_that_is_closed_takes_nothing_more_and_the_directory_goes_on_with_another,
    a_directory_that_became_a_file_conflicts_with_what_was_changed_in_it,
    a_file_that_git_would_run_is_not_checked_out,
    a_killed_sync_loses_nothing_on_either_side,
    head_gets_a_revision_and_a_revision_gets_nothing,
    nothing_is_written_or_read_through_a_symlink,
    what_both_sides_changed_is_told_and_stays_until_somebody_decides,
    what_is_changed_in_the_copy_comes_to_the_directory,
    what_is_changed_in_the_directory_is_one_operation_of_the_copy,
    what_is_ignored_stays_on_disk_and_what_came_from_the_tree_is_not_forgotten_for_a_rule,
    what_was_removed_on_one_side_stays_removed,
];
