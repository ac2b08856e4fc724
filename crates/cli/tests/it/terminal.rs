//! What is so on a terminal only: the pager, keys, and what a terminal takes for commands.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::support::Place;

/// Runs a line of shell on a terminal, in which `workspace` is the command; returns what is
/// on the terminal then, and the exit code.
fn on_a_terminal(place: &Place, line: &str) -> (String, i32) {
    typed_on_a_terminal(place, line, None)
}

/// The same; types a key as soon as a file is there.
fn typed_on_a_terminal(place: &Place, line: &str, key: Option<(&str, &[u8])>) -> (String, i32) {
    let command = assert_cmd::cargo::cargo_bin!("workspace");
    let line = line.replace("workspace", &command.display().to_string());
    let mut child = Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .current_dir(place.directory.path())
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("TERM", "xterm")
        .env("USER", "tester")
        .env("TMPDIR", place.path("tmp"))
        .stdin(if key.is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        })
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut keyboard = child.stdin.take();
    if let (Some((file, key)), Some(keyboard)) = (key, &mut keyboard) {
        let end = Instant::now() + Duration::from_secs(30);
        while !place.path(file).exists() && Instant::now() < end {
            sleep(Duration::from_millis(20));
        }
        keyboard.write_all(key).unwrap();
    }
    let output = child.wait_with_output().unwrap();
    drop(keyboard);
    let text = String::from_utf8_lossy(&output.stdout).replace("\r\n", "\n");
    (text, output.status.code().unwrap_or(-1))
}

#[test]
fn what_is_long_goes_through_a_pager_on_a_terminal_and_nowhere_else() {
    let place = Place::new();
    place.put("a", "one\n");
    place.ok(&["snapshot", "-m", "first"]);
    let pager = "PAGER='sed s/^/paged:/'";
    let shown = |line: &str| on_a_terminal(&place, &format!("{pager} {line}")).0;
    for paged in [
        "log",
        "diff 1 head",
        "show -p",
        "tree",
        "find",
        "grep one",
        "events",
    ] {
        let text = shown(&format!("workspace {paged}"));
        let is_paged = text.lines().all(|line| line.starts_with("paged:"));
        assert!(is_paged, "{paged}: {text}");
    }
    for plain in [
        "workspace log --no-pager",
        "workspace --json log",
        "workspace log | cat",
        "workspace ls",
        "workspace cat a",
        "PAGER= workspace log",
        "PAGER=cat workspace log",
    ] {
        let text = shown(plain);
        assert!(
            !text.is_empty() && !text.contains("paged:"),
            "{plain}: {text}"
        );
    }
    // Colours go into it, as they would to the terminal.
    assert!(shown("workspace log").contains("\u{1b}[33m"));
}

#[test]
fn whoever_leaves_the_pager_early_has_seen_enough() {
    let place = Place::new();
    let long = "line\n".repeat(200_000);
    place.put("long", &long);
    let (text, code) = on_a_terminal(&place, "PAGER='head -n 2' workspace diff");
    assert_eq!((text.lines().count(), code), (2, 0), "{text}");
    // What goes wrong is told when it is left.
    let (text, code) = on_a_terminal(&place, "PAGER='sed s/^/paged:/' workspace show 9");
    assert!(
        text.contains("error: ") && !text.contains("paged:"),
        "{text}"
    );
    assert_eq!(code, 3);
    let (text, _) = on_a_terminal(&place, "PATH=/nowhere workspace log");
    assert!(!text.contains("error"), "{text}");
}

/// What was to be seen in a pager that is not there was seen nowhere.
#[test]
fn a_pager_that_is_not_there_swallowed_everything() {
    let place = Place::new();
    place.put("a", "one\n");
    let (text, code) = on_a_terminal(&place, "PAGER=nosuchpager workspace tree");
    assert!(text.contains("not found") && text.contains("a\n"), "{text}");
    assert_eq!(code, 0);
    let script = place.file("notprogram", "echo");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o644)).unwrap();
    // More than a pipe holds.
    place.put("long", &"line\n".repeat(100_000));
    let line = "PAGER=./notprogram workspace diff | cat";
    assert_eq!(
        on_a_terminal(&place, line).0.matches("+line\n").count(),
        100_000
    );
    let line = "PAGER=./notprogram workspace diff";
    let (text, code) = on_a_terminal(&place, line);
    assert_eq!((text.matches("+line").count(), code), (100_000, 0));
}

/// Whoever asked the command to end while its pager was open waited for the pager.
#[test]
fn a_command_with_a_pager_did_not_end_when_asked_to() {
    let place = Place::new();
    place.put("a", "one\n");
    let pager = place.file(
        "pager",
        "#!/bin/sh\ncat > shown; kill -TERM $PPID; touch asked; sleep 20; touch left\n",
    );
    fs::set_permissions(&pager, fs::Permissions::from_mode(0o755)).unwrap();
    let begun = Instant::now();
    let line = "sh -c 'PAGER=\"exec ./pager\" workspace tree; echo ended with $?'";
    let (text, _) = on_a_terminal(&place, line);
    assert!(text.contains("ended with 143"), "{text}");
    assert!(
        fs::read_to_string(place.path("shown"))
            .unwrap()
            .contains('a')
    );
    assert!(begun.elapsed() < Duration::from_secs(15) && !place.path("left").exists());
}

/// Ctrl-C went to the editor and to the command, which ended, and what was written then
/// was written nowhere.
#[test]
fn a_key_for_the_editor_ended_the_command() {
    let place = Place::new();
    place.put("f", "one\n");
    fs::create_dir(place.path("tmp")).unwrap();
    let editor = |name: &str, text: &str| {
        let script = place.file(name, format!("#!/bin/sh\n{text}\n"));
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    };
    editor(
        "goes-on",
        "trap '' INT QUIT; echo typed >> $1; touch open; sleep 1; echo more >> $1",
    );
    for key in [b"\x03", b"\x1c"] {
        let line = "exec env EDITOR=./goes-on workspace edit f";
        let (text, code) = typed_on_a_terminal(&place, line, Some(("open", key)));
        assert!(text.contains("wrote /f") && code == 0, "{text}");
        assert!(place.ok(&["cat", "f"]).ends_with("typed\nmore\n"));
        fs::remove_file(place.path("open")).unwrap();
    }
    // One that ends by it ends both, and leaves what was written.
    editor("ends", "echo kept > $1; touch open; sleep 20");
    let line = "exec env EDITOR=./ends workspace edit f";
    let (text, code) = typed_on_a_terminal(&place, line, Some(("open", b"\x03")));
    assert_eq!(code, 130, "{text}");
    let (_, kept) = text.split_once("what was written is in ").unwrap();
    let kept = kept.lines().next().unwrap();
    assert_eq!(fs::read_to_string(kept).unwrap(), "kept\n");
    assert!(place.ok(&["cat", "f"]).ends_with("more\n"));
}

/// Line ends and colours of its own were shown as text, and those of the code were not.
#[test]
fn what_came_of_code_is_shown_on_a_terminal_as_it_is() {
    let place = Place::new();
    place.ok(&["fork", "draft"]);
    let code = "export default (env, input) => {
      console.warn('said \\x1b[2J');
      if (input) throw new RangeError('no \\x1b]0;PWNED');
      return { lines: 2, of: '\\u202e' };
    }";
    place.file("main.js", code);
    let cache = env!("CARGO_TARGET_TMPDIR");
    let run = |more: &str| {
        let line = format!("XDG_CACHE_HOME={cache} workspace run main.js -c draft {more}");
        on_a_terminal(&place, &line)
    };
    let (text, code) = run("");
    assert_eq!(code, 0, "{text:?}");
    assert!(text.contains("{\n  \"lines\": 2,\n"), "{text:?}");
    assert!(text.contains("said \\u{1b}[2J"), "{text:?}");
    let (thrown, code) = run("--input true");
    assert_eq!(code, 1, "{thrown:?}");
    assert!(
        thrown.contains("RangeError: no \\u{1b}]0;PWNED"),
        "{thrown:?}"
    );
    for text in [text, thrown] {
        assert!(!text.contains("\\u{1b}[3"), "{text:?}");
        assert!(
            !text.contains("\u{1b}]") && !text.contains("\u{1b}[2J"),
            "{text:?}"
        );
        assert!(!text.contains('\u{202e}'), "{text:?}");
    }
}

/// The names of what was merged were written as they are.
#[test]
fn a_name_was_taken_for_a_command_by_the_terminal() {
    let place = Place::new();
    let name = "x\u{1b}]0;PWNED\u{7}\u{1b}[2Jy";
    place.put(name, "1\n2\n3\n4\n5\n");
    place.ok(&["fork", "c"]);
    place.put_in("c", name, "one\n2\n3\n4\n5\n");
    place.put(name, "1\n2\n3\n4\nfive\n");
    let quoted = "\"$(cat name)\"";
    place.file("name", name);
    for line in [
        "workspace ls",
        "workspace tree",
        "workspace find",
        "workspace diff --copy c",
        "workspace diff --copy c --stat",
        "workspace diff --copy c --name-only",
        "workspace conflicts c",
        "workspace rebase c",
        "workspace rebase c --merge",
        "workspace status --copy c",
        "workspace operations --copy c",
        "workspace grep one --copy c",
        "workspace checkout c wd",
        "echo x >> wd/NAME; workspace sync wd",
        "workspace apply c",
        "workspace log",
        "workspace show",
        "workspace events",
        "workspace stat NAME",
        "workspace cp NAME NAME-2",
        "workspace mv NAME-2 NAME-3",
        "echo new | workspace put NAME",
        "workspace import wd",
        "workspace fork NAME",
        "workspace copies",
        "workspace discard NAME",
        "workspace overlap",
        "workspace export out",
        "workspace fsck",
        "workspace rm NAME",
        "workspace undo",
        "workspace cat NAME/x",
    ] {
        let line = line.replace("NAME", quoted);
        let (text, _) = on_a_terminal(&place, &format!("PAGER= {line}"));
        for command in ["\u{1b}]", "\u{7}", "\u{1b}[2J"] {
            assert!(!text.contains(command), "{line}: {text:?}");
        }
    }
}
