//! Every command, as text and as JSON, over one small history.

use crate::support::{Place, Ran, also_behind_a_url, transcript};

const READING: &str = "
    < # Notes\\n
    put README.md
    < fn main() {}\\n
    put --parents src/main.rs
    < #!/bin/sh\\n
    put --executable --media-type text/x-sh --provenance 'by hand' run.sh
    mkdir docs tests
    mkdir --parents docs/a/b
    ls
    ls /src --long
    ls README.md
    tree
    tree --depth 1 --quiet
    cat README.md src/main.rs
    cat --range 2..7 README.md
    stat run.sh
    stat docs
    stat /
    find
    find '*.rs' '*.sh'
    find --kind directory --below docs
    grep main
    grep -i NOTES '*.md'
    grep -F '{}' --files
    grep nothing-like-it
    usage
    usage --depth 0 docs
";

const COPIES: &str = "
    < one\\ntwo\\nthree\\n
    put a.txt
    < unchanged\\n
    put b.txt
    snapshot -m 'the start'
    snapshot
    fork fix
    fork other --expires 2h
    copies
    < one\\n2\\nthree\\nfour\\n
    put --copy fix a.txt -m 'count'
    mv --copy fix b.txt c.txt
    cp --copy fix a.txt d.txt
    rm --copy fix d.txt
    < \\0\\0
    put --copy fix blob
    status
    status --copy fix
    operations --copy fix
    diff --copy fix
    diff --copy fix --stat
    diff --copy fix --name-status
    diff --copy fix --name-status --no-renames
    diff head fix --name-status --below a.txt
    diff fix --stat
    diff --copy fix head
    undo --copy fix 2
    undo --copy fix 2
    diff --copy fix --name-status
    copy rename other spare
    copy show fix
    apply fix -m 'count further'
    apply fix
    apply -c spare
    discard spare
    discard spare
    copies --all
    diff
    diff 1 2 --stat
    log
    log -n 1
    show 2
    show 1
    restore 1 -m 'back'
    restore 1
    log
    cat a.txt
    collect --keep-revisions 1
    log
    show 3
    fsck
    fsck --contents
";

const CONFLICTS: &str = "
    < base\\n
    put a.txt
    < base\\n
    put b.txt
    fork left
    fork right
    < left\\n
    put --copy left a.txt
    < right\\n
    put --copy right b.txt
    fork clash
    < clash\\n
    put --copy clash a.txt
    apply left
    apply right
    status --copy right
    rebase right
    rebase right
    operations --copy right
    undo --copy right 2
    apply right
    apply clash
    rebase clash
    apply --copy nobody
    apply lefd
    < more\\n
    put --copy left a.txt
    < late\\n
    put --if-absent a.txt
    < late\\n
    put --expect-generation 1 a.txt
    apply clash --expect-tree 0000000000000000000000000000000000000000000000000000000000000000
";

const WAYS_OUT: &str = "
    < one\\ntwo\\nthree\\n
    put text
    < base\\n
    put own
    fork draft
    fork try --of draft
    fork nobody --of nobody
    < ONE\\ntwo\\nthree\\n
    put -c try text
    < try\\n
    put -c try own
    < one\\ntwo\\nTHREE\\n
    put -c draft text
    < draft\\n
    put -c draft own
    copies
    status -c try
    apply try
    conflicts try
    rebase try --merge
    rebase try --merge --take ours
    rebase try --take copy:/nowhere
    rebase try --merge=/text --take copy:/own
    conflicts try
    cat -c try text
    apply try --only text -m 'the text'
    apply try
    apply try
    operations -c draft
    fork beside
    < beside\\n
    put -c beside own
    fork apart
    < apart\\n
    put -c apart other
    overlap
    apply draft beside apart
    apply draft apart -m 'both of them'
    rebase beside --take parent
    fork clash
    < a file\\n
    put -c clash kind
    < a directory\\n
    put --parents kind/a
    rebase clash --take copy
    find -c clash
    fork top
    < x\\n
    put -c top top
    fork below --of top
    < x\\n
    put -c below below
    apply top below
    < x\\n
    put -c top sub/own --parents
    apply top --only own
    apply top --only sub/own
    log
    fork old --revision 1
    copy show old
    overlap beside old
";

const SHARING: &str = "
    < <h1>\\n
    put --parents site/index.html
    fork draft
    grant issue draft --root site --read '**' --write '/posts/**' --label 'for the agent' --as agent --expires 2h
    grant issue draft --read '*.md' --delete
    grants draft
    grant issue draft --write '/posts/**' --max-bytes 1M --max-entries 10
    grants draft
    snapshot -m first
    grant issue --head --read '**'
    grant issue --at 1 --read '**'
    grant issue --head --read '**' --write '**'
    grants --head
    grants --at 1
    grant revoke 00000000000000000000000000000000
    grant issue nobody --read '**'
    apply draft
    discard draft
    grants draft
    events
    events --after 1
    events --after 99
";

#[test]
fn tokens_and_events() {
    insta::assert_snapshot!("sharing_text", transcript(&Place::new(), &[], SHARING));
    insta::assert_snapshot!(
        "sharing_json",
        transcript(&Place::new(), &["--json"], SHARING)
    );
}

#[test]
fn a_token_is_narrowed_by_its_holder_and_revoked_with_what_came_of_it() {
    let place = Place::new();
    place.put("site/a", "x");
    place.ok(&["fork", "draft"]);
    let token = place.ok(&["grant", "issue", "draft", "--root", "site", "--read", "**"]);
    let narrow = |token: &str| {
        let mut command = place.command();
        command.env("WORKSPACE_TOKEN", token.trim());
        let narrow = ["grant", "attenuate", "--read", "/posts/**"];
        Ran::of(command.args(narrow).output().unwrap())
    };
    let narrower = narrow(&token);
    assert_eq!(narrower.code, 0, "{}", narrower.stderr);
    assert_ne!(narrower.stdout, token);
    assert_eq!(narrow("a-token-of-no-grant-at-all").code, 8);
    let grants = place.json(&["grants", "draft"]);
    let id = grants["grants"][0]["id"].as_str().unwrap();
    assert_eq!(grants["grants"][1]["parent"], id);
    assert_eq!(place.json(&["grant", "revoke", id])["revoked"], 2);
    assert_eq!(narrow(&narrower.stdout).code, 8);
}

#[test]
fn a_directory_is_previewed_and_its_hidden_names_only_if_asked_for() {
    let place = Place::new();
    place.put("site/index.html", "<h1>");
    let issue = ["preview", "issue", "--root", "site"];
    let path = place.ok(&issue);
    assert!(path.starts_with("/preview/"), "{path}");
    place.ok(&[&issue[..], &["--hidden", "--fallback", "404.html"]].concat());
    let listed = place.json(&["previews"]);
    let shown = |n: usize| {
        let preview = &listed["previews"][n];
        (preview["root"].as_str(), preview["hidden"].as_bool())
    };
    assert_eq!(shown(0), (Some("/site"), Some(false)));
    assert_eq!(shown(1), (Some("/site"), Some(true)));
    let text = place.ok(&["previews"]);
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].ends_with("head  /site  index.html"), "{text}");
    let hidden = "head  /site (hidden too)  index.html  /404.html";
    assert!(lines[1].ends_with(hidden), "{text}");
}

#[test]
fn reading_and_writing() {
    insta::assert_snapshot!("reading_text", transcript(&Place::new(), &[], READING));
    insta::assert_snapshot!(
        "reading_json",
        transcript(&Place::new(), &["--json"], READING)
    );
}

#[test]
fn copies_and_revisions() {
    insta::assert_snapshot!("copies_text", transcript(&Place::new(), &[], COPIES));
    insta::assert_snapshot!(
        "copies_json",
        transcript(&Place::new(), &["--json"], COPIES)
    );
}

#[test]
fn conflicts_and_refusals() {
    insta::assert_snapshot!("conflicts_text", transcript(&Place::new(), &[], CONFLICTS));
    insta::assert_snapshot!(
        "conflicts_json",
        transcript(&Place::new(), &["--json"], CONFLICTS)
    );
}

#[test]
fn ways_out_of_conflicts() {
    insta::assert_snapshot!("ways_out_text", transcript(&Place::new(), &[], WAYS_OUT));
    insta::assert_snapshot!(
        "ways_out_json",
        transcript(&Place::new(), &["--json"], WAYS_OUT)
    );
}

#[test]
fn help_lists_the_commands_and_exit_codes() {
    insta::assert_snapshot!("help", Place::empty().ok(&["--help"]));
}

#[test]
fn every_command_has_help_and_takes_the_common_options() {
    let place = Place::empty();
    for command in [
        "init",
        "import",
        "ls",
        "tree",
        "cat",
        "put",
        "mkdir",
        "mv",
        "cp",
        "rm",
        "stat",
        "find",
        "grep",
        "status",
        "operations",
        "operation",
        "undo",
        "diff",
        "apply",
        "rebase",
        "log",
        "show",
        "restore",
        "snapshot",
        "export",
        "collect",
        "fsck",
        "usage",
        "prune",
        "checkout",
        "sync",
        "edit",
        "watch",
        "events",
        "fork",
        "copies",
        "discard",
        "grants",
        "previews",
        "serve",
        "completions",
    ] {
        let help = place.ok(&[command, "--help"]);
        for option in ["--json", "--quiet", "--workspace", "--remote"] {
            assert!(help.contains(option), "{command} {option}");
        }
    }
    for command in ["new", "list", "show", "rename", "discard"] {
        place.ok(&["copy", command, "--help"]);
    }
    for command in ["issue", "list", "revoke"] {
        place.ok(&["preview", command, "--help"]);
    }
    for command in ["issue", "list", "revoke", "attenuate"] {
        place.ok(&["grant", command, "--help"]);
    }
}

/// The words of HTTP and RPC, and those that commands had before.
#[test]
fn a_command_has_one_word_and_answers_to_others() {
    let place = Place::empty();
    let shown = place.ok(&["help"]);
    for (word, other) in [
        ("cat", "read"),
        ("put", "write"),
        ("ls", "list"),
        ("find", "walk"),
        ("rm", "remove"),
        ("mv", "move"),
        ("cp", "copy-to"),
        ("log", "revisions"),
        ("show", "revision"),
        ("operations", "ops"),
        ("collect", "gc"),
        ("usage", "du"),
        ("fork", "copy new"),
        ("copies", "copy list"),
        ("discard", "copy discard"),
        ("grants", "grant list"),
        ("previews", "preview list"),
    ] {
        let help = |words: &str| {
            let words: Vec<&str> = words.split(' ').chain(["--help"]).collect();
            place.ok(&words)
        };
        let arguments = |help: &str| help.split_once("Arguments:").map(|it| it.1.to_owned());
        assert_eq!(arguments(&help(word)), arguments(&help(other)), "{word}");
        assert!(shown.contains(&format!("\n  {word} ")), "{word}");
        assert!(!shown.contains(&format!("\n  {other} ")), "{other}");
    }
}

#[test]
fn a_change_of_head_with_a_message_is_a_revision_of_its_own() {
    let place = Place::new();
    place.put("a", "1\n");
    let put = ["put", "b", "-m", "the second file"];
    assert_eq!(place.run_with(&put, b"2\n").code, 0);
    let log = place.json(&["log"]);
    let of = |n: usize| {
        let revision = &log["revisions"][n];
        (revision["message"].as_str(), revision["actor"].as_str())
    };
    assert_eq!(of(0), (Some("the second file"), Some("tester")));
    // What was changed before, without a word, has a revision of its own too.
    assert_eq!(of(1), (Some(""), Some("")));
    let told = place.json(&["mv", "b", "c", "--message", "another name"]);
    assert_eq!(told["revision"], 3);
    assert_eq!(
        told["generation"],
        place.json(&["status"])["head"]["version"]
    );
    assert_eq!(told["tree"], place.json(&["status"])["head"]["tree"]);
    let diff = place.ok(&["diff", "2", "3", "--name-status"]);
    assert_eq!(diff, "R\t/b\t/c\n");
    // What is so already is no revision, and what fails leaves no copy.
    let same = place.run_with(&["--json", "put", "c", "-m", "again"], b"2\n");
    assert!(!same.stdout.contains("revision"), "{}", same.stdout);
    place.error(3, &["rm", "nothing", "-m", "gone"]);
    let version = place.json(&["status"])["head"]["version"].to_string();
    let at = ["rm", "c", "-m", "gone", "--expect-generation"];
    assert_eq!(
        place.error(11, &[&at[..], &["1"]].concat())["code"],
        "stale"
    );
    place.ok(&[&at[..], &[&version]].concat());
    assert_eq!(place.json(&["log"])["revisions"][0]["message"], "gone");
    assert_eq!(place.ok(&["copies"]), "");
    place.whole();
}

#[test]
fn an_operation_is_shown_with_what_it_changed() {
    let place = Place::new();
    place.ok(&["fork", "work"]);
    let error = place.error(3, &["operation", "-c", "work"]);
    assert_eq!(error["what"], "operation");
    place.put_in("work", "a", "one\n");
    let put = ["put", "-c", "work", "a", "-m", "the second"];
    assert_eq!(place.run_with(&put, b"two\n").code, 0);
    let shown = place.ok(&["operation", "-c", "work", "-p"]);
    for part in ["operation 2\n", "    the second\n", "-one\n+two\n"] {
        assert!(shown.contains(part), "{shown}");
    }
    assert!(
        place
            .ok(&["operation", "1", "-c", "work"])
            .ends_with("A\t/a\n")
    );
    let shape = place.json(&["operation", "1", "-c", "work"]);
    assert_eq!(shape["operation"]["id"], 1);
    assert_eq!(shape["differences"][0]["status"], "added");
    place.error(3, &["operation", "3", "-c", "work"]);
    place.error(2, &["operation"]);
}

#[test]
fn revisions_are_forgotten_and_room_is_reclaimed_after() {
    let place = Place::new();
    for n in ["1", "2", "3"] {
        place.put("a", n);
        place.ok(&["snapshot", "-m", n]);
    }
    place.error(2, &["prune"]);
    assert_eq!(place.json(&["prune", "--newest", "2"])["revisions"], 1);
    assert_eq!(place.json(&["prune", "--since", "1h"])["revisions"], 0);
    assert_eq!(place.ok(&["log"]).lines().count(), 2);
    assert!(
        place
            .ok(&["prune", "--newest", "1"])
            .contains("workspace collect")
    );
}

#[test]
fn completions_are_for_the_shell_that_is_named() {
    let place = Place::empty();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = place.ok(&["completions", shell]);
        assert!(
            script.contains("workspace") && script.contains("rebase"),
            "{shell}"
        );
    }
}

#[test]
fn a_receipt_is_printed_on_request() {
    let place = Place::new();
    let ran = place.run(&["--receipt", "fork", "x"]);
    assert!(ran.stderr.starts_with("receipt: rows "), "{}", ran.stderr);
    let ran = place.run(&["--receipt", "--json", "fork", "y"]);
    let receipt: serde_json::Value = serde_json::from_str(&ran.stderr).unwrap();
    assert_eq!(receipt["receipt"]["commits"], 1);
    assert_eq!(receipt["receipt"]["nodes_written"], 0);
}

/// Where only one open copy's id starts so.
#[test]
fn a_copy_is_found_by_the_start_of_its_id() {
    let place = Place::new();
    let new = || place.json(&["fork"])["id"].as_str().unwrap().to_string();
    let ids = [new(), new()];
    let shared = ids[0]
        .bytes()
        .zip(ids[1].bytes())
        .take_while(|(a, b)| a == b)
        .count();
    for id in &ids {
        // They begin with the time, so they differ later than that.
        let start = &id[..(shared + 1).max(4)];
        assert_eq!(place.json(&["copy", "show", start])["id"], **id);
        assert_eq!(
            place.error(3, &["copy", "show", &id[..3]])["code"],
            "not_found"
        );
    }
    if shared >= 4 {
        let several = place.error(2, &["copy", "show", &ids[0][..shared]]);
        assert_eq!(several["code"], "invalid");
    }
    assert_eq!(
        place.error(3, &["copy", "show", "0000"])["code"],
        "not_found"
    );
    place.ok(&["discard", &ids[1]]);
    let closed = &ids[1][..31];
    assert_eq!(
        place.error(3, &["copy", "show", closed])["code"],
        "not_found"
    );
}

#[test]
fn every_difference_shows() {
    let place = Place::new();
    place.put("a", "1\n");
    place.ok(&["mkdir", "old", "replaced"]);
    place.ok(&["snapshot", "-m", "the start"]);
    place.ok(&["fork", "work"]);
    place.ok(&["mkdir", "--copy", "work", "d/e", "--parents"]);
    place.ok(&["rm", "--copy", "work", "old", "replaced"]);
    place.put_in("work", "replaced", "");
    let kind = [
        "put",
        "a",
        "-c",
        "work",
        "--media-type",
        "text/css",
        "--provenance",
        "me",
    ];
    assert_eq!(place.run_with(&kind, b"1\n").code, 0);
    let besides = "\
        media type of /a: none -> text/css\nprovenance of /a: none -> me\n\
        new directory /d/\nnew directory /d/e/\nremoved directory /old/\n\
        removed directory /replaced/\n";
    let diff = place.ok(&["diff", "work"]);
    let shown: String = diff
        .split_inclusive('\n')
        .filter(|line| besides.contains(*line))
        .collect();
    assert_eq!(shown, besides, "{diff}");
    assert!(diff.contains("new file mode 100644"), "{diff}");
    let stat = place.json(&["diff", "work", "--stat"]);
    let lines: Vec<&str> = besides.lines().collect();
    assert_eq!(stat["besides"], serde_json::json!(lines));
    assert!(place.ok(&["diff", "work", "--stat"]).contains(besides));
    let told = place.ok(&["export", "x.patch", "--copy", "work"]);
    assert!(
        told.contains("a patch does not hold:\n  media type of /a"),
        "{told}"
    );
    // A directory whose files show says nothing more.
    place.put_in("work", "d/e/file", "1\n");
    assert!(!place.ok(&["diff", "work"]).contains("new directory"));
}

#[test]
fn a_variable_names_the_copy_that_is_worked_on() {
    let place = Place::new();
    place.put("a", "head\n");
    place.ok(&["fork", "work"]);
    let with = |arguments: &[&str]| {
        let mut command = place.command();
        command.env("WORKSPACE_COPY", "work").args(arguments);
        let ran = Ran::of(command.output().unwrap());
        assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.stderr);
        ran.stdout
    };
    with(&["mkdir", "d"]);
    assert_eq!(with(&["ls"]), "a\nd/\n");
    assert_eq!(place.ok(&["ls"]), "a\n");
    for head in [&["ls", "-c", "head"][..], &["ls", "--at", "head"]] {
        assert_eq!(with(head), "a\n");
    }
    assert_eq!(with(&["diff"]), "new directory /d/\n");
    assert_eq!(with(&["diff", "head", "work"]), "new directory /d/\n");
    assert!(with(&["operations"]).contains("edit"));
    assert!(with(&["status"]).contains("work"));
    with(&["undo"]);
    with(&["rebase"]);
    with(&["mkdir", "e"]);
    with(&["apply"]);
    assert_eq!(place.ok(&["ls"]), "a\ne/\n");
    let error = place.error(2, &["apply"]);
    assert!(error["hint"].as_str().unwrap().contains("WORKSPACE_COPY"));
    place.error(2, &["operations"]);
    place.ok(&["fork", "gone"]);
    place.ok(&["discard", "gone"]);
    assert_eq!(place.error(12, &["ls", "-c", "gone"])["code"], "closed");
}

#[test]
fn changes_of_head_itself_are_told_in_the_log() {
    let place = Place::new();
    place.ok(&["fork", "work"]);
    place.put_in("work", "b", "1\n");
    place.put("a", "1\n");
    place.ok(&["rebase", "work"]);
    place.ok(&["apply", "work", "-m", "mine"]);
    let log = place.ok(&["log"]);
    assert!(log.contains("changes of head itself"), "{log}");
    assert_eq!(place.json(&["log"])["revisions"][1]["message"], "");
}

also_behind_a_url![
    a_change_of_head_with_a_message_is_a_revision_of_its_own,
    a_copy_is_found_by_the_start_of_its_id,
    a_receipt_is_printed_on_request,
    a_token_is_narrowed_by_its_holder_and_revoked_with_what_came_of_it,
    a_variable_names_the_copy_that_is_worked_on,
    an_operation_is_shown_with_what_it_changed,
    changes_of_head_itself_are_told_in_the_log,
    conflicts_and_refusals,
    copies_and_revisions,
    every_difference_shows,
    reading_and_writing,
    revisions_are_forgotten_and_room_is_reclaimed_after,
    tokens_and_events,
    ways_out_of_conflicts,
];
