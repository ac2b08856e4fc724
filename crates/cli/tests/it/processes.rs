//! Several processes, and processes that are killed.

use std::fs;
use std::io::{Read as _, Write as _};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Place, also_behind_a_url};

/// Starts a command that holds the workspace until its input ends.
fn hold(place: &Place) -> std::process::Child {
    let start = || {
        let mut command = place.command();
        command.args(["put", "held"]).stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let started = Instant::now();
    let mut holder = start();
    // It has the workspace when another one is refused; but it may be the one
    // that was refused.
    while place.run(&["status"]).code != 15 {
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "it never opened"
        );
        if holder.try_wait().unwrap().is_some() {
            holder = start();
        }
        thread::sleep(Duration::from_millis(20));
    }
    holder
}

#[test]
fn a_second_process_is_told_who_is_first() {
    let place = Place::new();
    let mut holder = hold(&place);
    let error = place.error(15, &["ls"]);
    assert_eq!(error["code"], "locked");
    assert!(error["hint"].as_str().unwrap().contains("wait"));
    holder.stdin.take().unwrap().write_all(b"content").unwrap();
    assert!(holder.wait_with_output().unwrap().status.success());
    assert_eq!(place.ok(&["cat", "held"]), "content");
}

#[test]
fn a_killed_process_leaves_the_workspace_free() {
    let place = Place::new();
    place.put("before", "kept");
    let mut holder = hold(&place);
    holder
        .stdin
        .as_mut()
        .unwrap()
        .write_all(&[b'x'; 200_000])
        .unwrap();
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert_eq!(place.ok(&["ls"]), "before\n");
    place.whole();
}

#[test]
fn an_import_that_is_killed_leaves_head_as_it_was() {
    let place = Place::new();
    place.put("before", "kept");
    place.ok(&["snapshot"]);
    for index in 0..1500 {
        place.file(
            &format!("in/d{}/f{index}", index % 13),
            format!("{index}\n").repeat(index % 40),
        );
    }
    for index in 0..6 {
        place.file(&format!("in/large{index}"), vec![index as u8 + 1; 300_000]);
    }
    let head = place.json(&["status"])["head"].clone();

    let started = Instant::now();
    let timed = Place::new();
    timed.ok(&["import", place.path("in").to_str().unwrap()]);
    let whole = started.elapsed();

    let mut killed = 0;
    for part in [0, 2, 4, 6, 8, 10, 12, 14] {
        let mut child = place
            .command()
            .args(["import", "in"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        thread::sleep(whole * part / 16);
        if child.try_wait().unwrap().is_some() {
            break;
        }
        child.kill().unwrap();
        killed += 1;
        if child.wait().unwrap().success() {
            break;
        }
        let after = place.json(&["status"])["head"].clone();
        if after != head {
            // It was acknowledged or about to be: all of it is there, then.
            assert_eq!(after["files"], 1507, "neither old nor new");
            break;
        }
        place.whole();
    }
    assert!(killed > 0);
    place.ok(&["import", "in"]);
    assert_eq!(place.ok(&["cat", "before"]), "kept");
    place.ok(&["collect"]);
    place.whole();
    place.ok(&["export", "out"]);
    assert_eq!(fs::read_dir(place.path("out")).unwrap().count(), 13 + 6 + 1);
}

#[test]
fn many_processes_take_turns() {
    let place = Place::new();
    thread::scope(|scope| {
        for worker in 0..4 {
            let place = &place;
            scope.spawn(move || {
                for index in 0..5 {
                    let path = format!("w{worker}-{index}");
                    loop {
                        let ran = place.run_with(&["put", &path], b"x");
                        match ran.code {
                            0 => break,
                            15 => thread::sleep(Duration::from_millis(5)),
                            code => panic!("{code}: {}", ran.stderr),
                        }
                    }
                }
            });
        }
    });
    assert_eq!(place.json(&["status"])["head"]["files"], 20);
    place.whole();
}

#[cfg(target_os = "linux")]
#[test]
fn large_files_stream_through_little_memory() {
    /// Enough to show that memory does not grow with the file.
    const SIZE: usize = 96 << 20;
    let place = Place::new();
    let mut put = place
        .command()
        .args(["put", "--quiet", "large"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = put.stdin.take().unwrap();
    let block: Vec<u8> = (0..1 << 20).map(|n: u32| (n * 31 % 251) as u8).collect();
    for _ in 0..SIZE / block.len() {
        input.write_all(&block).unwrap();
    }
    let peak = peak_memory(put.id());
    drop(input);
    assert!(put.wait().unwrap().success());
    assert!(peak < 64 << 20, "{peak} bytes");

    let mut cat = place
        .command()
        .args(["cat", "large"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = cat.stdout.take().unwrap();
    let mut read = vec![0; block.len()];
    let mut peak = 0;
    for _ in 0..SIZE / block.len() {
        // Before the last of it is read: then it is there to be asked.
        peak = peak_memory(cat.id());
        output.read_exact(&mut read).unwrap();
        assert!(read == block);
    }
    assert_eq!(output.read(&mut read).unwrap(), 0);
    assert!(cat.wait().unwrap().success());
    assert!(peak < 64 << 20, "{peak} bytes");
    let part = place.ok(&["cat", "--range", "1048576..1048586", "large"]);
    assert_eq!(part, String::from_utf8_lossy(&block[..10]));
}

/// Returns the most memory that a running process has had, in bytes.
#[cfg(target_os = "linux")]
fn peak_memory(process: u32) -> usize {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    let digits: String = line.chars().filter(char::is_ascii_digit).collect();
    digits.parse::<usize>().unwrap() << 10
}

#[cfg(target_os = "linux")]
also_behind_a_url![large_files_stream_through_little_memory];
