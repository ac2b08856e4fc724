//! Runs, executed by the test itself.

use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt as _;
use futures::executor::block_on;
use serde_json::{Value, json};
use workspace_core::store::CopyState;
use workspace_core::{ErrorKind, Options, Reason, Workspace};
use workspace_dynamic_worker::{Begun, Ended, Execution, Limit, Order, Runs};
use workspace_testkit::{FaultPlan, FaultyMeta, MemoryBlobs};

use crate::fixture::Fixture;

pub(crate) fn returned() -> Ended {
    Ended::Returned {
        value: json!(1).into(),
    }
}

#[test]
fn what_returned_is_one_operation_and_what_did_not_is_nothing() {
    let it = Fixture::new();
    let run = it.fresh(json!({}));
    for path in ["/x", "/y/z"] {
        assert_eq!(
            it.call(&run, "writeFile", json!({ "path": path })),
            Value::Null
        );
    }
    assert_eq!(
        it.call(&run, "delete", json!({ "path": "/in" })),
        Value::Null
    );
    // Nobody sees it before it has returned.
    assert_eq!(it.read("/x"), None);
    let outcome = it.end(&run, returned());
    assert_eq!(outcome["files"]["status"], "applied", "{outcome}");
    assert_eq!(it.operations(), 1);
    assert_eq!(it.read("/y/z").as_deref(), Some("new"));
    assert_eq!(it.read("/in/b.txt"), None);
    let written = [
        "/in",
        "/in/b.txt",
        "/in/deep",
        "/in/deep/c.txt",
        "/x",
        "/y",
        "/y/z",
    ];
    assert_eq!(outcome["written"]["paths"], json!(written));
    for (n, ended) in [
        Ended::read(r#"{"ended":"threw","name":"Error","message":"no","stack":""}"#),
        Ended::Limit { limit: Limit::Time },
        Ended::Cancelled,
        Ended::Platform {
            cause: "gone".into(),
        },
    ]
    .into_iter()
    .enumerate()
    {
        let run = it.fresh(json!({ "id": format!("n{n}") }));
        it.call(&run, "writeFile", json!({ "path": "/lost" }));
        let outcome = it.end(&run, ended);
        assert_eq!(outcome["files"]["status"], "discarded", "{outcome}");
        assert_eq!(it.read("/lost"), None);
    }
    assert_eq!((it.operations(), it.open_copies()), (1, 1));
}

#[test]
fn an_id_has_one_outcome_unless_the_platform_failed() {
    let it = Fixture::new();
    let run = it.fresh(json!({}));
    it.call(&run, "writeFile", json!({ "path": "/x" }));
    let execution = Execution {
        ended: returned(),
        guessed: false,
        console: Vec::new(),
        left_out: 0,
    };
    let first = it.runs.end(&run, execution).unwrap();
    assert_eq!(it.again(json!({})), first);
    assert_eq!(it.operations(), 1);
    // Another handle, as after a crash, knows it as well.
    let other = Workspace::open(
        Box::new(it.meta.clone()),
        Arc::new(MemoryBlobs::new()),
        it.context.context(),
        Options::default(),
    );
    let other = Runs::new(other.unwrap(), "test");
    let Begun::Again(again) = block_on(other.begin(it.order(json!({})))).unwrap() else {
        panic!("it is run again");
    };
    assert_eq!(again, first);
    let changed = block_on(it.runs.begin(it.order(json!({ "input": 2 })))).unwrap_err();
    assert_eq!(changed.reason(), Some(Reason::KeyReused));
    // What the platform did not end, nor anybody wait for, is run again.
    for ended in [
        Ended::Platform {
            cause: String::new(),
        },
        Ended::Cancelled,
    ] {
        let run = it.fresh(json!({ "id": "two" }));
        it.end(&run, ended);
    }
    let run = it.fresh(json!({ "id": "two" }));
    it.end(
        &run,
        Ended::Limit {
            limit: Limit::Memory,
        },
    );
    assert!(!it.again(json!({ "id": "two" })).is_empty());
}

#[test]
fn a_run_that_came_to_no_end_leaves_nothing_to_the_next_of_its_id() {
    let it = Fixture::new();
    let left = it.fresh(json!({}));
    it.call(&left, "writeFile", json!({ "path": "/half" }));
    // As after a crash: nobody knows of it but the store.
    let runs = Runs::new(it.workspace.clone(), "test");
    let Begun::Fresh(run) = block_on(runs.begin(it.order(json!({})))).unwrap() else {
        panic!("it had no outcome");
    };
    assert_eq!(it.open_copies(), 2);
    let reply = block_on(runs.call(&run, "exists", r#"{"path":"/half"}"#, None));
    assert_eq!(reply.json, r#"{"status":"ok","value":false}"#);
    // And one that nobody runs again expires.
    it.context.advance(10_000 + 60_001);
    it.workspace.expire_copies().unwrap();
    assert_eq!(it.open_copies(), 1);
}

#[test]
fn who_asks_for_what_goes_on_waits_for_its_outcome() {
    let it = Fixture::new();
    let run = it.fresh(json!({}));
    let mut second = Box::pin(it.runs.begin(it.order(json!({}))));
    assert!(second.as_mut().now_or_never().is_none());
    it.end(&run, returned());
    assert!(matches!(block_on(second), Ok(Begun::Again(_))));
}

#[test]
fn a_run_reads_one_tree_and_keeps_what_is_disjoint() {
    let it = Fixture::new();
    let run = it.fresh(json!({}));
    it.write("/a.txt", "other");
    it.write("/elsewhere", "kept");
    assert_eq!(
        it.call(&run, "readText", json!({ "path": "/a.txt" })),
        "hello"
    );
    assert_eq!(
        it.call(&run, "exists", json!({ "path": "/elsewhere" })),
        false
    );
    it.call(&run, "writeFile", json!({ "path": "/mine" }));
    let outcome = it.end(&run, returned());
    assert_eq!(outcome["files"]["status"], "applied", "{outcome}");
    assert_eq!(it.read("/elsewhere").as_deref(), Some("kept"));
    assert_eq!(it.read("/mine").as_deref(), Some("new"));

    let run = it.fresh(json!({ "id": "two" }));
    it.call(&run, "writeFile", json!({ "path": "/a.txt" }));
    it.call(&run, "writeFile", json!({ "path": "/too" }));
    it.write("/a.txt", "mine");
    let outcome = it.end(&run, returned());
    assert_eq!(
        outcome["files"],
        json!({ "status": "conflict", "paths": ["/a.txt"] })
    );
    assert_eq!(it.read("/too"), None);
    assert_eq!(it.read("/a.txt").as_deref(), Some("mine"));
    assert!(!it.again(json!({ "id": "two" })).is_empty());
}

#[test]
fn a_copy_that_is_closed_meanwhile_keeps_nothing() {
    let it = Fixture::new();
    let run = it.fresh(json!({}));
    it.call(&run, "writeFile", json!({ "path": "/x" }));
    it.workspace.discard(it.copy).unwrap();
    assert_eq!(it.call(&run, "stat", json!({ "path": "/x" })), "closed");
    let outcome = it.end(&run, returned());
    assert_eq!(outcome["files"]["status"], "discarded", "{outcome}");
}

#[test]
fn a_grant_is_all_that_code_has() {
    let it = Fixture::new();
    let scope = json!({ "root": "/in", "read": ["/b.txt"], "write": ["/new/**"] });
    let run = it.fresh(json!({ "scope": scope }));
    let call = |method: &str, arguments: Value| it.call(&run, method, arguments);
    assert_eq!(call("readText", json!({ "path": "/b.txt" })), "hello");
    assert_eq!(call("readText", json!({ "path": "/deep/c.txt" })), "denied");
    assert_eq!(call("readText", json!({ "path": "/../a.txt" })), "invalid");
    assert_eq!(call("writeFile", json!({ "path": "/b.txt" })), "denied");
    assert_eq!(call("writeFile", json!({ "path": "/new/x" })), Value::Null);
    assert_eq!(call("delete", json!({ "path": "/new/x" })), "denied");
    for smuggled in ["copy", "revision", "tree", "actor", "root"] {
        let arguments = json!({ "path": "/b.txt", smuggled: "draft" });
        assert_eq!(call("readText", arguments), "invalid", "{smuggled}");
    }
    for method in ["apply", "fork", "issueGrant", "open_file", "import_tar", ""] {
        assert_eq!(call(method, json!({})), "invalid", "{method}");
    }
    // What it may not read it is not told of, though it wrote it.
    assert_eq!(call("diff", json!({}))["differences"], json!([]));
    let outcome = it.end(&run, returned());
    assert_eq!(outcome["written"]["paths"], json!(["/new", "/new/x"]));
    let denied = outcome["denied"].as_array().unwrap();
    assert_eq!(denied.len(), 3, "{outcome}");
    assert_eq!(
        it.call(&run, "exists", json!({ "path": "/b.txt" })),
        "closed"
    );
    assert_eq!(it.read("/in/new/x").as_deref(), Some("new"));
}

#[test]
fn calls_and_bytes_are_counted() {
    let it = Fixture::new();
    let run = it.fresh(json!({ "limits": { "calls": 2 } }));
    for expected in [json!(true), json!(true), json!("limit_exceeded")] {
        assert_eq!(
            it.call(&run, "exists", json!({ "path": "/a.txt" })),
            expected
        );
    }
    let outcome = it.end(&run, returned());
    assert_eq!(
        (&outcome["ended"], &outcome["limit"]),
        (&json!("limit"), &json!("calls"))
    );
    let run = it.fresh(json!({ "id": "two", "limits": { "bytes": 60 } }));
    let read = |path: &str| it.call(&run, "readText", json!({ "path": path }));
    assert_eq!(read("/a.txt"), "hello");
    assert_eq!(read("/in/b.txt"), "hello");
    assert_eq!(read("/in/deep/c.txt"), "limit_exceeded");
    let outcome = it.end(&run, returned());
    assert_eq!(outcome["limit"], "bytes");
    let run = it.fresh(json!({ "id": "three", "limits": { "value": 10 } }));
    let value = json!("a long value").into();
    assert_eq!(it.end(&run, Ended::Returned { value })["limit"], "value");
}

/// Small objects of JSON are fifty times as large once they are taken apart.
#[test]
fn arguments_are_refused_before_anything_is_made_of_them() {
    let it = Fixture::new();
    let run = it.fresh(json!({}));
    let ask = |edits: &str| {
        let arguments = format!(r#"{{"path":"/a.txt","edits":[{edits}]}}"#);
        let reply = block_on(it.runs.call(&run, "edit", &arguments, None));
        let told: Value = serde_json::from_str(&reply.json).unwrap();
        told["error"]["code"].clone()
    };
    assert_eq!(ask(&[r#"{"a":0}"#; 140_000].join(",")), "limit_exceeded");
    assert_eq!(ask(&[r#"{"a":0}"#; 100].join(",")), "invalid");
    assert_eq!(
        ask(&[r#"{"old":"","new":""}"#; 1_001].join(",")),
        "limit_exceeded"
    );
    // An input as well.
    let order = json!({ "copy": "draft", "program": { "modules": [] }, "scope": {},
        "input": "x".repeat((1 << 20) - 1) });
    let refused = Order::read(&order.to_string()).unwrap_err();
    assert!(refused.to_string().contains("`input`"), "{refused}");
}

/// What is told is not applied as something else.
#[test]
fn an_outcome_that_cannot_be_kept_whole_is_a_limit_and_applies_nothing() {
    let it = Fixture::new();
    let names = |n: usize| format!("/{}{n}", "\u{1}".repeat(250));
    for n in 0..250 {
        it.write(&names(n), "hello");
    }
    let run = it.fresh(json!({}));
    for n in 0..250 {
        it.call(&run, "readText", json!({ "path": names(n) }));
        it.call(&run, "writeFile", json!({ "path": names(n) }));
    }
    let value = json!("\u{1}".repeat((1 << 20) / 6 - 10)).into();
    let outcome = it.end(&run, Ended::Returned { value });
    // Paths are counted as they are told, so that this is not too much.
    assert_eq!(outcome["ended"], "returned");
    assert_eq!(outcome["files"]["status"], "applied");
    assert!(outcome["read"]["more"].as_u64().unwrap() > 0);
    assert_eq!(it.read(&names(0)).as_deref(), Some("new"));
}

/// There are more paths than fit into what is kept.
#[test]
fn a_conflict_of_many_long_paths_is_told_and_kept() {
    let it = Fixture::new();
    let name = |n: usize| format!("/{}/{}/{n}", "\u{1}".repeat(255), "\u{2}".repeat(255));
    let run = it.fresh(json!({ "id": "long" }));
    for n in 0..600 {
        it.call(&run, "writeFile", json!({ "path": name(n) }));
    }
    for n in 0..600 {
        it.write(&name(n), "other");
    }
    let outcome = it.end(&run, returned());
    assert_eq!(outcome["files"]["status"], "conflict");
    let paths = outcome["files"]["paths"].as_array().unwrap().len();
    assert!((1..600).contains(&paths), "{paths}");
    assert!(!it.again(json!({ "id": "long" })).is_empty());
}

#[test]
fn what_a_program_says_of_its_end_is_that_it_returned_or_threw() {
    let told = |said: &str| serde_json::to_value(Ended::read(said)).unwrap()["ended"].clone();
    assert_eq!(told(r#"{"ended":"returned","value":1}"#), "returned");
    for said in [
        r#"{"ended":"platform","cause":"again"}"#,
        r#"{"ended":"limit","limit":"time"}"#,
        r#"{"ended":"cancelled"}"#,
        r#"{"ended":"threw"}"#,
        r#"{"ended":1}"#,
        "null",
        "",
        &"[".repeat(100_000),
    ] {
        assert_eq!(told(said), "threw", "{}", &said[..said.len().min(40)]);
    }
}

#[test]
fn what_cannot_be_run_is_refused_before_anything_is_done() {
    let it = Fixture::new();
    let refused = |more: Value| {
        let order = it.order(more);
        block_on(it.runs.begin(order)).unwrap_err().kind()
    };
    let module = |name: &str| json!({ "modules": [{ "name": name, "source": "" }] });
    for text in ["note", "actor"] {
        assert_eq!(
            refused(json!({ text: "x".repeat(9_000) })),
            ErrorKind::Invalid,
            "{text}"
        );
    }
    for id in ["", "two words", "ü", &"x".repeat(101)] {
        assert_eq!(refused(json!({ "id": id })), ErrorKind::Invalid, "{id}");
    }
    for name in [
        "",
        "/main.js",
        "../main.js",
        "main",
        "a.wasm",
        "_workspace/prelude.js",
    ] {
        assert_eq!(
            refused(json!({ "program": module(name) })),
            ErrorKind::Invalid,
            "{name}"
        );
    }
    assert_eq!(
        refused(json!({ "program": { "modules": [] } })),
        ErrorKind::Invalid
    );
    assert_eq!(
        refused(json!({ "limits": { "millis": 0 } })),
        ErrorKind::Invalid
    );
    assert_eq!(
        refused(json!({ "limits": { "millis": 300_001 } })),
        ErrorKind::Invalid
    );
    let limits = json!({ "source": 3 });
    let long = json!({ "modules": [{ "name": "main.js", "source": "1234" }] });
    assert_eq!(
        refused(json!({ "program": long, "limits": limits })),
        ErrorKind::LimitExceeded
    );
    assert_eq!(refused(json!({ "copy": "nobody" })), ErrorKind::NotFound);
    assert_eq!(it.open_copies(), 1);
    assert!(Order::read(r#"{"id":"x","scopes":{}}"#).is_err());
}

/// Whatever call of the stores a run ends at, it is whole or not there, and repeated by its
/// id it is there once.
#[test]
fn a_run_is_there_once_whatever_fails() {
    let stops: [fn(&FaultPlan, u64); 3] = [
        FaultPlan::fail_at,
        FaultPlan::crash_before,
        FaultPlan::crash_after,
    ];
    for stop in stops {
        let mut calls = 1;
        while fails_once(|plan| stop(plan, calls)) {
            calls += 1;
        }
        assert!(calls > 20, "{calls}");
    }
}

/// Runs something where the stores fail as planned, and again where they do not. Tells
/// whether they failed.
fn fails_once(plan: impl FnOnce(&FaultPlan)) -> bool {
    let it = Fixture::new();
    let faults = FaultPlan::new();
    let meta = FaultyMeta::new(Box::new(it.meta.clone()), &faults);
    let blobs = Arc::new(MemoryBlobs::new());
    let context = it.context.context();
    let opened = Workspace::open(Box::new(meta), blobs, context, Options::default());
    let workspace = opened.unwrap();
    let attempt = |workspace: &Workspace| -> workspace_core::Result<Bytes> {
        let runs = Runs::new(workspace.clone(), "test");
        let run = match block_on(runs.begin(it.order(json!({}))))? {
            Begun::Fresh(run) => run,
            Begun::Again(outcome) => return Ok(outcome),
        };
        let mut wrote = true;
        for path in ["/x", "/y"] {
            let path = json!({ "path": path }).to_string();
            let new = Some(Bytes::from_static(b"new"));
            let reply = block_on(runs.call(&run, "writeFile", &path, new));
            wrote &= reply.json.contains("ok");
        }
        // As code does that looks what came of its calls.
        let ended = match wrote {
            true => returned(),
            false => Ended::Platform {
                cause: "a call failed".into(),
            },
        };
        let execution = Execution {
            ended,
            guessed: false,
            console: Vec::new(),
            left_out: 0,
        };
        runs.end(&run, execution)
    };
    plan(&faults);
    let first = attempt(&workspace);
    let failed = faults.faults() > 0;
    faults.reopen();
    let there = (it.read("/x").is_some(), it.read("/y").is_some());
    assert_eq!(there.0, there.1, "half of a run");
    let outcome = attempt(&it.workspace).unwrap();
    let told: Value = serde_json::from_slice(&outcome).unwrap();
    assert_eq!(
        told["files"],
        json!({ "status": "applied", "operation": 1 })
    );
    assert_eq!(it.operations(), 1);
    assert_eq!(it.read("/y").as_deref(), Some("new"));
    if let (true, Ok(first)) = (there.0, first) {
        assert_eq!(first, outcome);
    }
    failed
}

#[test]
fn a_run_works_in_a_copy_that_says_whose_it_is() {
    let it = Fixture::new();
    let run = it.fresh(json!({ "note": "tidied" }));
    let copies = it.workspace.copies(true, None, 100).unwrap();
    let child = copies
        .iter()
        .find(|copy| copy.parent == Some(it.copy))
        .unwrap();
    assert!(child.name.as_deref().unwrap().starts_with("run-"));
    it.call(&run, "mkdir", json!({ "path": "/d" }));
    it.end(&run, returned());
    let child = it.workspace.copy(child.id).unwrap();
    assert!(matches!(child.state, CopyState::Applied(_)));
    let all = it.workspace.operations(it.copy, None, 10).unwrap();
    let told = all.first().unwrap();
    assert_eq!((&*told.actor, &*told.note), ("run one", "tidied"));
    it.workspace
        .undo(it.copy, told.id, &Default::default())
        .unwrap();
    assert_eq!(it.call(&run, "exists", json!({ "path": "/d" })), "closed");
}
