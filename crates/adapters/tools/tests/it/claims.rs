//! What results claim is what happened, by independent differences.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use workspace_core::ContentId;
use workspace_testkit::{Random, seeds};

use crate::support::Fixture;

type Files = BTreeMap<String, String>;

fn path(random: &mut Random) -> String {
    let names = ["/a", "/b", "/d/a", "/d/b", "/d/e/c", "/x y", "/ü"];
    names[random.below(names.len())].to_owned()
}

fn text(random: &mut Random) -> String {
    let end = ["\n", "\r\n"][random.below(2)];
    let lines = random.below(12);
    let mut text: String = (0..lines)
        .map(|_| format!("word {}{end}", random.below(9)))
        .collect();
    if random.chance(0.2) {
        text.push_str("no end");
    }
    text
}

/// Makes up a call, and what it makes of files; `None` where it is to be refused.
fn call(random: &mut Random, files: &Files) -> (&'static str, Value, Option<Files>) {
    let mut after = files.clone();
    let at = path(random);
    match random.below(5) {
        0 | 1 => {
            let content = text(random);
            after.insert(at.clone(), content.clone());
            (
                "write",
                json!({ "path": at, "content": content }),
                Some(after),
            )
        }
        2 => {
            let arguments = json!({ "path": at });
            let gone = after.remove(&at).is_some();
            ("delete", arguments, gone.then_some(after))
        }
        3 => {
            let to = path(random);
            let free = !files.contains_key(&to) || to == at;
            let moved = after.remove(&at).map(|text| after.insert(to.clone(), text));
            let done = (moved.is_some() && free).then_some(after);
            ("move", json!({ "from": at, "to": to }), done)
        }
        _ => {
            let (one, other) = (
                format!("word {}", random.below(9)),
                format!("word {}", random.below(9)),
            );
            let arguments = json!({ "path": at, "edits": [
                { "old_string": one, "new_string": "ONE" },
                { "oldText": other, "newText": "more\nlines" },
            ] });
            let before = files.get(&at).cloned().unwrap_or_default();
            let once = |old: &str| before.matches(old).count() == 1;
            let done = (one != other && once(&one) && once(&other)).then(|| {
                // Neither is made where the other one was.
                let text = before.replace(&one, "\u{1}").replace(&other, "more\nlines");
                after.insert(at.clone(), text.replace('\u{1}', "ONE"));
                after
            });
            ("edit", arguments, done)
        }
    }
}

/// Applies a diff as git does.
fn applied(before: &Files, diff: &str) -> Files {
    let folder = tempfile::tempdir().unwrap();
    let place = |path: &str| folder.path().join(path.trim_start_matches('/'));
    for (path, text) in before {
        fs::create_dir_all(place(path).parent().unwrap()).unwrap();
        fs::write(place(path), text).unwrap();
    }
    let patch = folder.path().join("the.patch");
    fs::write(&patch, diff).unwrap();
    if !diff.is_empty() {
        let git = Command::new("git")
            .args([
                "-c",
                "core.autocrlf=false",
                "apply",
                "--whitespace=nowarn",
                "the.patch",
            ])
            .env("GIT_CEILING_DIRECTORIES", folder.path().parent().unwrap())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(
            git.status.success(),
            "{}\n{diff}",
            String::from_utf8_lossy(&git.stderr)
        );
    }
    fs::remove_file(patch).unwrap();
    let mut after = Files::new();
    collect(folder.path(), "", &mut after);
    after
}

fn collect(folder: &Path, above: &str, files: &mut Files) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{above}/{}", entry.file_name().into_string().unwrap());
        match entry.file_type().unwrap().is_dir() {
            true => collect(&entry.path(), &path, files),
            false => drop(files.insert(path, fs::read_to_string(entry.path()).unwrap())),
        }
    }
}

/// Checks what a result says against both states.
fn check(made: &Value, before: &Files, after: &Files, with_git: bool) {
    let differ = |path: &&String| before.get(*path) != after.get(*path);
    let paths: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let differing: BTreeSet<&str> = paths
        .iter()
        .copied()
        .filter(differ)
        .map(String::as_str)
        .collect();
    let mut claimed = BTreeSet::new();
    for change in made["changed"].as_array().unwrap() {
        if change["kind"] == "directory" {
            continue;
        }
        let path = change["path"].as_str().unwrap();
        claimed.insert(path);
        claimed.extend(change["from"].as_str());
        match change["change"].as_str().unwrap() {
            "added" => assert!(!before.contains_key(path)),
            "deleted" => assert!(!after.contains_key(path)),
            _ => {}
        }
        if let Some(version) = change["version"].as_str() {
            assert_eq!(version, ContentId::of(after[path].as_bytes()).to_string());
        }
    }
    assert_eq!(claimed, differing, "{made}");
    assert_eq!(
        (&made["complete"], &made["diff_complete"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(made["operation"].is_null(), made["changed"] == json!([]));
    if with_git {
        assert_eq!(&applied(before, made["diff"].as_str().unwrap()), after);
    }
}

/// `CLAIMS=0-999 cargo nextest run -p workspace-tools claims` makes so many runs of 25 calls.
#[test]
fn what_results_claim_is_what_an_independent_difference_says() {
    for seed in seeds("CLAIMS", 0..12) {
        let mut random = Random::new(seed);
        let fixture = Fixture::over(&[("/a", "word 1\nword 2\n"), ("/d/b", "word 3\r\n")]);
        let mut files = fixture.files();
        let mut states = vec![files.clone()];
        for step in 0..25 {
            // Git, which is slow, looks at some.
            let with_git = step % 5 == 0;
            if random.chance(0.15) && states.len() > 1 {
                undo(&fixture, &mut random, &mut states, with_git);
                files = fixture.files();
                continue;
            }
            let (tool, arguments, expected) = call(&mut random, &files);
            let made = fixture.call(tool, arguments.clone());
            assert_eq!(
                made.is_ok(),
                expected.is_some(),
                "seed {seed}: {tool} {arguments}: {}",
                made.text
            );
            let Some(after) = expected else {
                assert_eq!(fixture.files(), files, "seed {seed}");
                continue;
            };
            assert_eq!(fixture.files(), after, "seed {seed}: {tool} {arguments}");
            check(&made.value, &files, &after, with_git);
            if !made.value["operation"].is_null() {
                states.push(after.clone());
                assert_eq!(made.value["operation"], states.len() - 1);
            }
            files = after;
        }
    }
}

/// Takes back any operation: what it changed is as before it, and the rest as it is, unless
/// somebody changed the same since.
fn undo(fixture: &Fixture, random: &mut Random, states: &mut Vec<Files>, with_git: bool) {
    let operation = 1 + random.below(states.len() - 1);
    let (before, after) = (&states[operation - 1], &states[operation]);
    let now = fixture.files();
    let paths: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let changed: Vec<&String> = paths
        .into_iter()
        .filter(|path| before.get(*path) != after.get(*path))
        .collect();
    let overlaps = |path: &&&String| {
        now.get(**path) != after.get(**path) && now.get(**path) != before.get(**path)
    };
    let conflict = changed.iter().any(|path| overlaps(&path));
    let made = fixture.call("undo", json!({ "operation": operation }));
    if conflict {
        assert!(!made.is_ok(), "{}", made.text);
        assert_eq!(fixture.files(), now);
        return;
    }
    // Directories that came or went since can conflict as well.
    if !made.is_ok() {
        assert_eq!(made.value["code"], "conflict", "{}", made.text);
        assert_eq!(fixture.files(), now);
        return;
    }
    let mut expected = now.clone();
    for path in changed {
        match before.get(path) {
            Some(text) => expected.insert(path.clone(), text.clone()),
            None => expected.remove(path),
        };
    }
    assert_eq!(fixture.files(), expected);
    check(&made.value, &now, &expected, with_git);
    if !made.value["operation"].is_null() {
        states.push(expected);
    }
}
