//! Generated runs: grants, calls, and changes of the copy beside them, by whatever executes
//! them.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures::executor::block_on;
use serde_json::{Value, json};
use workspace_core::{At, Entry, TreePath};
use workspace_dynamic_worker::{Ended, Execution, Reply};
use workspace_testkit::Random;

use crate::fixture::Fixture;

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

/// A call that a run makes.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) method: &'static str,
    /// As JavaScript says it.
    #[allow(dead_code, reason = "only one of two targets is in JavaScript")]
    pub(crate) given: Value,
    /// What the files are asked for.
    pub(crate) arguments: Value,
    pub(crate) contents: Option<String>,
    /// The paths that it changes.
    changes: Vec<&'static str>,
    /// The path that it reads.
    reads: Option<&'static str>,
    /// How often somebody else changes something before it.
    beside: usize,
}

/// What executes steps, each by a call that `answer` answers, and tells how they ended:
/// as `ended`, unless something is wrong.
pub(crate) trait Host {
    fn execute(
        &self,
        steps: &[Step],
        ended: Ended,
        answer: &mut dyn FnMut(Called) -> Reply,
    ) -> Execution;
}

/// A call of the files.
pub(crate) struct Called {
    pub(crate) method: String,
    pub(crate) arguments: String,
    pub(crate) contents: Option<Bytes>,
}

fn step(random: &mut Random) -> Step {
    let (at, to) = (pick(random), pick(random));
    let text = format!("written {}", random.below(100));
    let edits = json!([{ "old": "e", "new": &text, "all": true }]);
    let path = json!({ "path": at });
    let (method, given, arguments, changes): (_, _, _, &[&'static str]) = match random.below(8) {
        0 => ("readText", json!([at]), path, &[]),
        1 => ("writeFile", json!([at, text]), path, &[at]),
        2 => ("delete", json!([at]), path, &[at]),
        3 => ("mkdir", json!([at]), path, &[at]),
        4 => (
            "move",
            json!([at, to, { "replace": true }]),
            json!({ "from": at, "to": to, "replace": true }),
            &[at, to],
        ),
        5 => (
            "copy",
            json!([at, to]),
            json!({ "from": at, "to": to }),
            &[to],
        ),
        6 => ("list", json!([at]), path, &[]),
        _ => (
            "edit",
            json!([at, edits]),
            json!({ "path": at, "edits": edits }),
            &[at],
        ),
    };
    Step {
        method,
        given,
        arguments,
        contents: (method == "writeFile").then_some(text),
        changes: changes.to_vec(),
        reads: (method == "readText").then_some(at),
        beside: usize::from(random.below(4) == 0),
    }
}

fn covers(granted: &[&str], path: &str) -> bool {
    let below =
        |at: &&str| path == *at || path.strip_prefix(*at).is_some_and(|it| it.starts_with('/'));
    granted.iter().any(below)
}

/// Executes a generated run, and checks that nothing of it is outside of its grant, or half.
pub(crate) fn sequence(seed: u64, host: &impl Host) {
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
    let steps: Vec<Step> = (0..random.below(12)).map(|_| step(&mut random)).collect();
    let ended = match random.below(4) {
        0 => Ended::read(r#"{"ended":"threw","name":"Error","message":"as it was to"}"#),
        1 => Ended::Cancelled,
        _ => Ended::Returned {
            value: Value::Null.into(),
        },
    };
    let returned = matches!(ended, Ended::Returned { .. });
    let mut next = steps.iter();
    let mut answer = |called: Called| {
        let step = next.next().expect("no more calls than there are steps");
        for _ in 0..step.beside {
            change(&it, &mut random, "beside");
            beside = files(&it);
        }
        let Called {
            method,
            arguments,
            contents,
        } = called;
        let given: Value = serde_json::from_str(&arguments).unwrap();
        let text = contents
            .as_ref()
            .map(|bytes| std::str::from_utf8(bytes).unwrap());
        let asked = (&*method, &given, text);
        let expected = (step.method, &step.arguments, step.contents.as_deref());
        assert_eq!(asked, expected, "seed {seed}");
        let reply = block_on(it.runs.call(&run, &method, &arguments, contents));
        let told: Value = serde_json::from_str(&reply.json).unwrap();
        let is_ok = told["status"] == "ok";
        let told = format!("seed {seed}: {method} {arguments} by {scope}: {told}");
        let changes = &step.changes;
        assert!(
            !is_ok || changes.iter().all(|path| covers(&write, path)),
            "{told}"
        );
        assert!(!is_ok || method != "delete" || delete, "{told}");
        if let Some(path) = step.reads
            && is_ok
        {
            assert!(covers(&read, path), "{told}");
        }
        // Nobody sees any of it.
        assert_eq!(files(&it), beside, "{told}");
        reply
    };
    let execution = host.execute(&steps, ended, &mut answer);
    let left = next.count();
    assert_eq!(
        left, 0,
        "seed {seed}: calls that were not made: {execution:?}"
    );
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
