//! Runs over copies that are applied while they go on.

use std::rc::Rc;

use futures::executor::block_on;
use serde_json::{Value, json};
use workspace_core::{
    ApplyOptions, At, CopyId, ErrorKind, ForkOptions, RevisionMessage, Together, TreePath,
};
use workspace_dynamic_worker::{Begun, Run, Runs};

use crate::fixture::Fixture;
use crate::runs::returned;

/// What it is, and how it is done.
type Meanwhile = (&'static str, fn(&Fixture));

/// What is done to the copy of a run.
const MEANWHILE: [Meanwhile; 4] = [
    ("applied", |it| {
        it.write("/reviewed", "yes");
        let applied = it.workspace.apply(it.copy, ApplyOptions::default());
        applied.unwrap();
    }),
    ("applied with a rebase", |it| {
        it.write("/reviewed", "yes");
        let options = ApplyOptions::default().rebase(true);
        it.workspace.apply(it.copy, options).unwrap();
    }),
    ("applied with others", |it| {
        it.write("/reviewed", "yes");
        let all = [Together::from(it.copy)];
        let message = RevisionMessage::default();
        it.workspace.apply_all(&all, &message).unwrap();
    }),
    ("discarded", |it| {
        it.workspace.discard(it.copy).unwrap();
    }),
];

#[test]
fn a_run_over_a_copy_that_is_applied_meanwhile_publishes_nothing() {
    for (what, close) in MEANWHILE {
        for id in [json!("one"), Value::Null] {
            for writes in [true, false] {
                let it = Fixture::new();
                let run = it.fresh(json!({ "id": id }));
                if writes {
                    it.call(&run, "writeFile", json!({ "path": "/unreviewed" }));
                }
                close(&it);
                let before = it.workspace.head().unwrap();
                let outcome = it.end(&run, returned());
                let told = format!("{what}, {id}, {writes}: {outcome}");
                assert_eq!(outcome["files"]["status"], "discarded", "{told}");
                assert_eq!(outcome["ended"], "returned", "{told}");
                assert_eq!(it.workspace.head().unwrap(), before, "{told}");
                assert_eq!(it.open_copies(), 0, "{told}");
            }
        }
    }
}

#[test]
fn a_run_over_a_copy_of_a_copy_that_is_applied_meanwhile_changes_no_other() {
    let it = Fixture::new();
    let inner = ForkOptions::of_copy(it.copy).name("inner".to_owned());
    let inner = it.workspace.fork(inner).unwrap().id;
    let run = it.fresh(json!({ "copy": "inner" }));
    it.call(&run, "writeFile", json!({ "path": "/unreviewed" }));
    write(&it, inner, "/reviewed");
    it.workspace.apply(inner, ApplyOptions::default()).unwrap();
    let before = it.workspace.tree(At::Copy(it.copy)).unwrap();
    let outcome = it.end(&run, returned());
    assert_eq!(outcome["files"]["status"], "discarded", "{outcome}");
    assert_eq!(it.workspace.tree(At::Copy(it.copy)).unwrap(), before);
    // It is told so again, and nothing is run.
    let again: Value = serde_json::from_slice(&it.again(json!({ "copy": "inner" }))).unwrap();
    assert_eq!(again, outcome);
}

#[test]
fn a_run_goes_on_where_what_its_copy_is_a_copy_of_is_applied() {
    let it = Fixture::new();
    let inner = ForkOptions::of_copy(it.copy).name("inner".to_owned());
    let inner = it.workspace.fork(inner).unwrap().id;
    let run = it.fresh(json!({ "copy": "inner" }));
    it.call(&run, "writeFile", json!({ "path": "/mine" }));
    it.write("/reviewed", "yes");
    let applied = it.workspace.apply(it.copy, ApplyOptions::default());
    applied.unwrap();
    let outcome = it.end(&run, returned());
    assert_eq!(outcome["files"]["status"], "applied", "{outcome}");
    let paths = |at| {
        let walk = it.workspace.files(at).walk(&TreePath::root()).unwrap();
        let paths = walk.map(|found| found.unwrap().0.to_string());
        paths.collect::<Vec<_>>()
    };
    assert!(paths(At::Copy(inner)).contains(&"/mine".to_owned()));
    assert!(!paths(At::Head).contains(&"/mine".to_owned()));
}

#[test]
fn what_a_crash_left_of_a_run_is_cleared_though_its_copy_was_applied() {
    let it = Fixture::new();
    let left = it.fresh(json!({}));
    it.call(&left, "writeFile", json!({ "path": "/half" }));
    it.write("/reviewed", "yes");
    let applied = it.workspace.apply(it.copy, ApplyOptions::default());
    applied.unwrap();
    // A copy of the same name, in which the same is run again after the crash.
    it.workspace.fork(ForkOptions::named("draft")).unwrap();
    let runs = Runs::new(it.workspace.clone(), "test");
    let run = fresh(&it, &runs);
    let reply = block_on(runs.call(&run, "exists", r#"{"path":"/half"}"#, None));
    assert_eq!(reply.json, r#"{"status":"ok","value":false}"#);
    assert_eq!(it.open_copies(), 2);
}

#[test]
fn what_has_the_name_of_a_run_and_is_none_stays() {
    let it = Fixture::new();
    let run = it.fresh(json!({}));
    let all = it.workspace.copies(true, None, 9).unwrap();
    let name = all.iter().find_map(|copy| {
        let name = copy.name.clone()?;
        name.starts_with("run-").then_some(name)
    });
    it.end(&run, workspace_dynamic_worker::Ended::Cancelled);
    let kept = it
        .workspace
        .fork(ForkOptions::named(name.unwrap()))
        .unwrap();
    let refused = block_on(it.runs.begin(it.order(json!({})))).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::AlreadyExists);
    assert!(it.workspace.tree(At::Copy(kept.id)).is_ok());
}

fn fresh(it: &Fixture, runs: &Runs) -> Rc<Run> {
    match block_on(runs.begin(it.order(json!({})))).unwrap() {
        Begun::Fresh(run) => run,
        Begun::Again(outcome) => panic!("{outcome:?}"),
    }
}

fn write(it: &Fixture, copy: CopyId, path: &str) {
    use workspace_core::{Change, ChangeOptions, WriteOptions};
    let change = Change::Write {
        path: TreePath::new(path).unwrap(),
        content: bytes::Bytes::from_static(b"yes").into(),
        options: WriteOptions::default(),
    };
    let files = it.workspace.files(At::Copy(copy));
    block_on(files.change(vec![change], ChangeOptions::default())).unwrap();
}
