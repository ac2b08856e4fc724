//! What follows changes as they are made.

use std::fs;
use std::process::Child;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::checked_out;
use crate::support::{Place, also_behind_a_url};

/// A process that is killed when it is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[track_caller]
fn until(what: &str, is_so: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < end, "{what}");
        sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_watch_brings_changes_over_as_they_are_made() {
    let place = checked_out(&[("a", "1")]);
    let log = place.path("log");
    let mut command = place.command();
    command.args(["sync", "wd", "--watch"]);
    command.stdout(fs::File::create(&log).unwrap());
    let errors = place.path("errors");
    command.stderr(fs::File::create(&errors).unwrap());
    let mut running = Running(command.spawn().unwrap());
    until("it begins", || {
        fs::read_to_string(&log).unwrap().contains("alike")
    });
    let in_draft = |path: &str| place.run(&["cat", path, "-c", "draft"]).stdout;
    place.file("wd/d/new", "mine");
    until("a new file comes to the copy", || {
        in_draft("d/new") == "mine"
    });
    // While it waits, others have the workspace.
    until("the copy is changed", || {
        let put = ["put", "-c", "draft", "a"];
        place.run_with(&put, b"2").code == 0
    });
    until("a change comes to the directory", || {
        fs::read_to_string(place.path("wd/a")).unwrap() == "2"
    });
    fs::remove_file(place.path("wd/d/new")).unwrap();
    until("a removal comes to the copy", || {
        place.run(&["stat", "d/new", "-c", "draft"]).code == 3
    });
    let id = running.0.id().to_string();
    let killed = std::process::Command::new("kill")
        .arg(&id)
        .status()
        .unwrap();
    assert!(killed.success());
    assert!(running.0.wait().unwrap().success());
    let told = fs::read_to_string(&log).unwrap();
    assert!(
        told.contains("A  /d/new") && told.contains("M  /a"),
        "{told}"
    );
    let errors = fs::read_to_string(&errors).unwrap();
    assert!(!errors.contains("error"), "{errors}");
}

#[test]
fn events_are_told_as_they_come_wherever_the_workspace_is() {
    let place = Place::new();
    place.put("before", "x");
    let log = place.path("log");
    let mut command = place.command();
    command.args(["--json", "watch"]);
    command.stdout(fs::File::create(&log).unwrap());
    let _running = Running(command.spawn().unwrap());
    let told = || fs::read_to_string(&log).unwrap();
    // Until it listens, nothing is told.
    until("a change is told", || {
        let _busy = place.run(&["mkdir", "d"]);
        let _busy = place.run(&["rmdir", "d"]);
        let _busy = place.run(&["rm", "d"]);
        !told().is_empty()
    });
    let put = ["fork", "last"];
    until("a copy is forked", || place.run(&put).code == 0);
    until("the fork is told", || told().contains("\"forked\""));
    let lines = told();
    let numbers: Vec<u64> = lines
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["sequence"]
                .as_u64()
                .unwrap()
        })
        .collect();
    assert!(
        numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]),
        "{numbers:?}"
    );
    assert!(numbers[0] > 1, "{numbers:?}");
}

/// Begins a `sync --watch` that tells what it does in these files.
fn watching(place: &Place) -> (Running, impl Fn() -> String) {
    let log = place.path("log");
    let mut command = place.command();
    command.args(["sync", "wd", "--watch"]);
    fs::write(&log, "").unwrap();
    let append = || fs::File::options().append(true).open(&log).unwrap();
    command.stdout(append()).stderr(append());
    let running = Running(command.spawn().unwrap());
    let told = move || fs::read_to_string(&log).unwrap();
    until("it begins", || told().contains("alike"));
    (running, told)
}

/// Whoever writes into the copy had the command watch all of a file system, by a link.
#[cfg(target_os = "linux")]
#[test]
fn a_watch_followed_a_symlink_out_of_the_checkout() {
    let place = checked_out(&[("d/a", "1")]);
    for n in 0..90 {
        fs::create_dir_all(place.path(&format!("outside/{n}"))).unwrap();
    }
    std::os::unix::fs::symlink("../outside", place.path("wd/link")).unwrap();
    place.ok(&["sync", "wd"]);
    let (running, _) = watching(&place);
    let watches = || {
        let of = format!("/proc/{}/fdinfo", running.0.id());
        let texts = fs::read_dir(of).unwrap().filter_map(|entry| {
            // Some are closed by now.
            fs::read_to_string(entry.unwrap().path()).ok()
        });
        let lines = |text: String| text.lines().filter(|it| it.starts_with("inotify ")).count();
        texts.map(lines).sum::<usize>()
    };
    let in_draft = || place.run(&["cat", "new", "-c", "draft"]).stdout;
    place.file("wd/new", "mine");
    until("a new file comes to the copy", || in_draft() == "mine");
    assert!((2..10).contains(&watches()), "{}", watches());
}

/// A watch of hours ended for what somebody mended a moment later.
#[cfg(target_os = "linux")]
#[test]
fn a_watch_ended_for_what_was_mended_at_once() {
    use std::os::unix::ffi::OsStrExt as _;
    let place = checked_out(&[("a", "1")]);
    let (mut running, told) = watching(&place);
    let odd = place.path("wd").join(std::ffi::OsStr::from_bytes(b"t\xff"));
    fs::write(&odd, "x").unwrap();
    until("it is told", || told().contains("not UTF-8"));
    sleep(Duration::from_secs(1));
    assert_eq!(told().matches("not UTF-8").count(), 1, "{}", told());
    fs::remove_file(&odd).unwrap();
    place.file("wd/new", "mine");
    let in_draft = || place.run(&["cat", "new", "-c", "draft"]).stdout;
    until("a new file comes to the copy", || in_draft() == "mine");
    until("the copy is changed", || {
        let put = ["put", "-p", "-c", "draft", ".git/config"];
        place.run_with(&put, b"x").code == 0
    });
    until("it is told", || told().contains("/.git is left out"));
    place.file("wd/new", "again");
    until("it goes on", || in_draft() == "again");
    assert!(running.0.try_wait().unwrap().is_none());
}

also_behind_a_url![
    a_watch_brings_changes_over_as_they_are_made,
    events_are_told_as_they_come_wherever_the_workspace_is,
];
