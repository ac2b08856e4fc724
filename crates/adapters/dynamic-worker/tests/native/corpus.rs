//! The corpus, run here: what comes of each program is what comes of it in a Worker.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use workspace_core::{At, Change, ChangeOptions, ForkOptions, Options, Workspace};
use workspace_corpus::Came;
use workspace_dynamic_worker::{Order, Runs};
use workspace_http::wire::ChangesDto;
use workspace_testkit::{MemoryBlobs, MemoryMeta, TestContext};

/// What is left to a run beyond its limit and a tenth of it.
const GRACE: Duration = Duration::from_millis(20);

#[test]
fn every_program_of_the_corpus_is_as_it_should_be() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    runtime.unwrap().block_on(run_all());
}

async fn run_all() {
    let context = TestContext::new(7);
    let workspace = Workspace::create(
        Box::new(MemoryMeta::new()),
        Arc::new(MemoryBlobs::new()),
        context.context(),
        Options::default(),
    )
    .unwrap();
    let head = workspace.files(At::Head);
    head.change(changes(), ChangeOptions::default())
        .await
        .unwrap();
    let native = crate::support::host();
    let runs = Runs::new(workspace.clone(), "corpus");
    let mut wrong = Vec::new();
    for program in workspace_corpus::programs().unwrap() {
        let copy = workspace.fork(ForkOptions::default()).unwrap();
        let order = program.order(&program.name, &copy.id.to_string());
        let limit = order["limits"]["millis"].as_u64().unwrap_or(10_000);
        let limit = Duration::from_millis(limit);
        let began = Instant::now();
        let ran = match Order::read(&order.to_string()) {
            Ok(order) => runs.run(&native, order).await,
            Err(error) => Err(error),
        };
        let took = began.elapsed();
        let came = match ran {
            Ok(outcome) => Came::Of(serde_json::to_value(outcome).unwrap()),
            Err(error) => Came::Refused(error.kind().code().into()),
        };
        // With the clock only where nothing else is done.
        let timed = std::env::var_os("TIMED").is_some();
        if timed && took > limit + limit / 10 + GRACE {
            wrong.push(format!("{}: took {took:?}", program.name));
        }
        if let Err(error) = program.check(&came) {
            wrong.push(error.to_string());
        }
        workspace.discard(copy.id).unwrap();
    }
    assert!(
        wrong.is_empty(),
        "{} are wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// Returns what makes the tree that each program begins with.
pub(crate) fn changes() -> Vec<Change> {
    let changes = serde_json::json!({ "changes": snake(workspace_corpus::tree().unwrap()) });
    let changes: ChangesDto = serde_json::from_value(changes).unwrap();
    let (changes, _): (Vec<Change>, ChangeOptions) = changes.into_core().unwrap();
    changes
}

/// The changes of the tree are as RPC takes them; HTTP has other names.
fn snake(changes: Vec<Value>) -> Vec<Value> {
    let mut changes = changes;
    for change in &mut changes {
        if let Some(change) = change.as_object_mut()
            && let Some(parents) = change.remove("createParents")
        {
            change.insert("create_parents".into(), parents);
        }
    }
    changes
}
