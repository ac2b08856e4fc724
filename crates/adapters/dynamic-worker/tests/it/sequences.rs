//! Generated runs: grants, calls, and changes of the copy beside them. `SEQUENCES=0-99999` runs
//! so many.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures::executor::block_on;
use serde_json::{Value, json};
use workspace_core::{At, Entry, TreePath};
use workspace_dynamic_worker::{Ended, Execution};
use workspace_testkit::{Random, seeds};

use crate::runs::Fixture;

/// Paths that calls are about; the directories above are among them.
const PATHS: [&str; 12] = [
    "/a",
    "/a/x",
    "/a/y",
    "/a/deep",
    "/a/deep/z",
    "/b",
    "/b/x",
    "/b/c",
    "/b/c/z",
    "/in",
    "/in/b.txt",
    "/a.txt",
];
/// Directories and files that a grant can be about.
const GRANTED: [&str; 6] = ["/a", "/a/deep", "/b", "/b/c", "/in", "/a.txt"];

/// A file's text, or nothing for a directory, by path.
type Files = BTreeMap<String, Option<String>>;

#[test]
fn no_run_leaves_its_grant_or_half_of_itself() {
    for seed in seeds("SEQUENCES", 0..300) {
        sequence(seed);
    }
}

fn covers(granted: &[&str], path: &str) -> bool {
    let below =
        |at: &&str| path == *at || path.strip_prefix(*at).is_some_and(|it| it.starts_with('/'));
    granted.iter().any(below)
}

fn sequence(seed: u64) {
    let mut random = Random::new(seed);
    let it = Fixture::new();
    for _ in 0..random.below(6) {
        change(&it, &mut random, "before");
    }
    let some = |random: &mut Random| -> Vec<&'static str> {
        let chosen = GRANTED.iter().filter(|_| random.below(2) == 0);
        chosen.copied().collect()
    };
    let (read, write) = (some(&mut random), some(&mut random));
    let delete = random.below(2) == 0;
    let globs =
        |paths: &[&str]| -> Vec<String> { paths.iter().map(|path| (*path).to_owned()).collect() };
    let scope = json!({ "read": globs(&read), "write": globs(&write), "delete": delete });
    let began = files(&it);
    let run = it.fresh(json!({ "id": format!("s{seed}"), "scope": scope }));
    let mut beside = began.clone();
    for _ in 0..random.below(12) {
        if random.below(5) == 0 {
            change(&it, &mut random, "beside");
            beside = files(&it);
            continue;
        }
        let (at, to) = (pick(&mut random), pick(&mut random));
        let text = format!("written {}", random.below(100));
        let (method, arguments, changes): (&str, Value, &[&str]) = match random.below(8) {
            0 => ("readText", json!({ "path": at }), &[]),
            1 => ("writeFile", json!({ "path": at }), &[at]),
            2 => ("delete", json!({ "path": at }), &[at]),
            3 => ("mkdir", json!({ "path": at }), &[at]),
            4 => (
                "move",
                json!({ "from": at, "to": to, "replace": true }),
                &[at, to],
            ),
            5 => ("copy", json!({ "from": at, "to": to }), &[to]),
            6 => ("list", json!({ "path": at }), &[]),
            _ => (
                "edit",
                json!({ "path": at, "edits": [{ "old": "e", "new": &text, "all": true }] }),
                &[at],
            ),
        };
        let contents = (method == "writeFile").then(|| Bytes::from(text.clone()));
        let reply = block_on(it.runs.call(&run, method, &arguments.to_string(), contents));
        let reply: Value = serde_json::from_str(&reply.json).unwrap();
        let is_ok = reply["status"] == "ok";
        let told = format!("seed {seed}: {method} {arguments} by {scope}: {reply}");
        assert!(
            !is_ok || changes.iter().all(|path| covers(&write, path)),
            "{told}"
        );
        assert!(!is_ok || method != "delete" || delete, "{told}");
        if method == "readText" && is_ok {
            assert!(covers(&read, at), "{told}");
        }
        // Nobody sees any of it.
        assert_eq!(files(&it), beside, "{told}");
    }
    let ended = match random.below(4) {
        0 => Ended::read(r#"{"ended":"threw"}"#),
        1 => Ended::Cancelled,
        _ => Ended::Returned {
            value: Value::Null.into(),
        },
    };
    let returned = matches!(ended, Ended::Returned { .. });
    let execution = Execution {
        ended,
        guessed: false,
        console: Vec::new(),
        left_out: 0,
    };
    let outcome = it.runs.end(&run, execution).unwrap();
    let outcome: Value = serde_json::from_slice(&outcome).unwrap();
    let after = files(&it);
    if !returned || outcome["files"]["status"] != "applied" {
        assert_eq!(after, beside, "seed {seed}: {outcome}");
        return;
    }
    // What differs is in the grant, and is what the run says that it wrote.
    let written = outcome["written"]["paths"].as_array().unwrap();
    for path in after.keys().chain(beside.keys()) {
        if after.get(path) != beside.get(path) {
            // A directory that is missing above may be made where it may be passed.
            let made = !beside.contains_key(path) && after.get(path) == Some(&None);
            let mut granted = read.iter().chain(&write);
            let passed = granted.any(|granted| covers(&[path.as_str()], granted));
            let allowed = covers(&write, path) || (made && passed);
            assert!(allowed, "seed {seed}: {path} by {scope}");
            assert!(
                written.contains(&json!(path)),
                "seed {seed}: {path}, not told: {outcome}"
            );
        }
    }
    // And what others changed meanwhile is there.
    for path in beside
        .keys()
        .filter(|path| began.get(*path) != beside.get(*path))
    {
        assert_eq!(after.get(path), beside.get(path), "seed {seed}: {path}");
    }
}

fn pick(random: &mut Random) -> &'static str {
    PATHS[random.below(PATHS.len())]
}

/// Changes the copy by somebody else's hand, where that can be done.
fn change(it: &Fixture, random: &mut Random, who: &str) {
    let path = pick(random);
    match random.below(3) {
        0 => it.try_remove(path),
        _ => it.try_write(path, &format!("{who} {}", random.below(100))),
    }
}

fn files(it: &Fixture) -> Files {
    let view = it.workspace.files(At::Copy(it.copy));
    let walk = view.walk(&TreePath::root()).unwrap();
    let mut all = Files::new();
    for found in walk {
        let (path, entry) = found.unwrap();
        let text = match entry {
            Entry::File(_) => {
                let bytes = block_on(view.read(&path)).unwrap();
                Some(String::from_utf8(bytes.to_vec()).unwrap())
            }
            _ => None,
        };
        all.insert(path.to_string(), text);
    }
    all
}
