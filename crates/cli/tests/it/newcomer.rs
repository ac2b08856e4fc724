//! What somebody types who knows git and a shell, and not this command.

use crate::support::{Place, also_behind_a_url};

#[test]
fn a_listing_may_ask_for_all_names() {
    let place = Place::new();
    place.put(".hidden", "x");
    place.put("shown", "x");
    let all = place.ok(&["ls"]);
    assert_eq!(all, ".hidden\nshown\n");
    assert_eq!(place.ok(&["ls", "-a"]), all);
    assert_eq!(place.ok(&["ls", "-la"]), place.ok(&["ls", "-l"]));
    assert_eq!(place.ok(&["ls", "-al", "/"]), place.ok(&["ls", "--long"]));
}

#[test]
fn a_log_may_show_what_changed() {
    let place = Place::new();
    place.put("a", "one\n");
    place.ok(&["snapshot", "-m", "first"]);
    place.put("a", "two\n");
    place.put("b", "new\n");
    place.ok(&["snapshot", "-m", "second"]);
    let log = place.ok(&["log", "-p"]);
    for part in ["second", "-one", "+two", "+new", "first", "+one"] {
        assert!(log.contains(part), "{part}: {log}");
    }
    assert!(log.find("+two") < log.find("first"), "newest first: {log}");
    let one = place.ok(&["log", "-p", "-n", "1"]);
    assert!(one.contains("+two") && !one.contains("+one"), "{one}");
    let plain = place.ok(&["log"]);
    assert_eq!(plain.lines().count(), 2, "{plain}");
}

#[test]
fn head_can_be_shown() {
    let place = Place::new();
    let error = place.error(3, &["show"]);
    assert_eq!([&error["code"], &error["what"]], ["not_found", "revision"]);
    place.put("a", "one\n");
    place.ok(&["snapshot", "-m", "first"]);
    place.put("a", "two\n");
    place.ok(&["snapshot", "-m", "second"]);
    let newest = place.ok(&["show", "2"]);
    for head in [&["show", "head"][..], &["show", "HEAD"], &["show"]] {
        assert_eq!(place.ok(head), newest);
    }
    assert!(place.ok(&["show", "-p", "head"]).contains("+two"));
    assert_eq!(place.json(&["show"])["revision"]["id"], 2);
    let error = place.error(2, &["show", "draft"]);
    assert!(
        error["hint"].as_str().unwrap().contains("workspace log"),
        "{error}"
    );
}

#[test]
fn a_diff_may_name_the_paths_only() {
    let place = Place::new();
    place.put("a", "one\n");
    place.put("gone", "x");
    place.ok(&["snapshot"]);
    place.put("a", "two\n");
    place.put("d/new", "x\ny\n");
    place.ok(&["rm", "gone"]);
    let names = place.ok(&["diff", "--name-only"]);
    assert_eq!(names, "/a\n/d/\n/d/new\n/gone\n");
    place.error(2, &["diff", "--name-only", "--stat"]);
}

/// Each of these was typed by somebody; what answers says what to type instead.
#[test]
fn words_of_git_and_of_shells_are_answered_with_ours() {
    let place = Place::new();
    for (typed, meant) in [
        ("add a.txt", "put"),
        ("commit -m x", "snapshot"),
        ("switch foo", "--copy"),
        ("branch", "fork"),
        ("copy foo", "fork foo"),
        ("new foo", "fork"),
        ("merge foo", "apply"),
        ("publish foo", "apply"),
        ("revert 1", "restore"),
        ("reset --hard", "restore"),
        ("stash", "fork"),
        ("clone http://x", "--remote"),
        ("push", "--remote"),
        ("pull", "--remote"),
        ("tag v1", "snapshot"),
        ("history", "log"),
        ("blame a.txt", "operations --copy"),
        ("touch a.txt", "put"),
        ("less a.txt", "cat"),
        ("ll", "ls -l"),
        ("delete a.txt", "rm"),
        ("rename a b", "mv"),
        ("search x", "grep"),
        ("follow", "watch"),
        ("start", "serve"),
        ("share foo", "grant issue"),
        ("verify", "fsck"),
        ("clean", "collect"),
        ("config user.name me", "--actor"),
        ("version", "--version"),
        ("find . -name *.txt", "find '*.txt'"),
        ("serve --port 80", "--listen"),
        ("diff --cached", "nothing is staged"),
        ("ls -R", "tree"),
        ("diff --summary", "--stat"),
        ("checkout -b foo", "fork NAME"),
        ("chekout foo dir", "did you mean `checkout`?"),
        ("apply foo --mesage x", "did you mean `--message`?"),
        ("put a --mesage x", "did you mean `--message`?"),
        ("sync --tke copy", "did you mean `--take`?"),
        ("--jsn ls", "did you mean `--json`?"),
        ("fork --off other x", "did you mean `--of`?"),
    ] {
        let arguments: Vec<&str> = typed.split(' ').collect();
        let error = place.error(2, &arguments);
        let hint = error["hint"].as_str().unwrap();
        assert!(hint.contains(meant), "{typed}: {hint}");
        let ran = place.run(&arguments);
        assert!(
            ran.stderr.contains(&format!("hint: {hint}")),
            "{}",
            ran.stderr
        );
        assert!(!ran.stderr.contains("tip:"), "{}", ran.stderr);
    }
}

#[test]
fn options_that_say_what_is_so_anyway_are_taken() {
    let place = Place::new();
    place.put("d/a.txt", "hi\n");
    place.ok(&["snapshot"]);
    assert_eq!(place.ok(&["ls", "-1"]), "d/\n");
    assert_eq!(place.ok(&["grep", "-rn", "hi"]), "/d/a.txt:1:hi\n");
    assert_eq!(place.ok(&["grep", "-n", "hi"]), place.ok(&["grep", "hi"]));
    assert_eq!(place.ok(&["log", "--oneline"]), place.ok(&["log"]));
    assert_eq!(
        place.ok(&["tree", "-L", "1"]),
        place.ok(&["tree", "--depth", "1"])
    );
    assert_eq!(place.ok(&["diff", "HEAD"]), place.ok(&["diff", "head"]));
    assert_eq!(
        place.ok(&["rm", "-f", "nothing", "d/a.txt/below"]),
        "removed 0 entries\n"
    );
    assert_eq!(
        place.ok(&["rm", "-rf", "d", "nothing"]),
        "removed 1 entry\n"
    );
}

#[test]
fn what_is_named_in_the_wrong_way_is_told_the_right_one() {
    let place = Place::new();
    place.put("a.txt", "hi\n");
    let hint = |arguments: &[&str]| {
        let error = place.error(3, arguments);
        error["hint"].as_str().unwrap().to_string()
    };
    assert!(hint(&["put", "a.txt", "hello"]).contains("standard input"));
    assert!(hint(&["ls", "draft:/"]).contains("--copy draft"));
    assert!(hint(&["cat", "head:a.txt"]).contains("--copy head"));
    assert!(hint(&["diff", "a.txt"]).contains("--below a.txt"));
}

also_behind_a_url![
    options_that_say_what_is_so_anyway_are_taken,
    what_is_named_in_the_wrong_way_is_told_the_right_one,
    a_diff_may_name_the_paths_only,
    a_listing_may_ask_for_all_names,
    a_log_may_show_what_changed,
    head_can_be_shown,
];
