//! Orders, run here.

use futures::FutureExt as _;
use serde_json::json;
use workspace_core::ErrorKind;

use crate::fixture::Fixture;
use crate::support::{component, host, host_of};

/// One that was forked when it was asked for read what was there then, and expired while it
/// waited.
#[tokio::test]
async fn a_run_begins_when_it_is_its_turn() {
    let it = Fixture::new();
    let host = host_of(1);
    let order = |id: &str, source: &str| {
        let module = json!({ "name": "main.js", "source": source });
        it.order(json!({ "id": id, "program": { "modules": [module] } }))
    };
    let asks = "export default ({ WORKSPACE }) => WORKSPACE.exists('/a.txt')";
    let reads = "export default ({ WORKSPACE }) => WORKSPACE.readText('/late.txt')";
    let mut one = Box::pin(it.runs.run(&host, order("one", asks)));
    let mut two = Box::pin(it.runs.run(&host, order("two", reads)));
    // The first has the only place, and waits for an answer of this thread.
    assert!(one.as_mut().now_or_never().is_none());
    assert!(two.as_mut().now_or_never().is_none());
    it.write("/late.txt", "late");
    assert_eq!(it.open_copies(), 2, "the draft, and that of the first");
    // Nobody waits with a place for what goes on.
    let mut same = Box::pin(it.runs.run(&host, order("one", asks)));
    assert!(same.as_mut().now_or_never().is_none());
    let (one, two, same) = futures::join!(one, two, same);
    assert_eq!(one.unwrap(), same.unwrap());
    let two = serde_json::to_value(two.unwrap()).unwrap();
    assert_eq!(two["value"], json!({ "status": "ok", "value": "late" }));
}

#[tokio::test]
async fn a_component_that_is_too_large_does_not_begin() {
    let it = Fixture::new();
    let host = host();
    let order = it.order(json!({ "limits": { "source": 1_000 } }));
    let refused = it.runs.run_component(&host, component(&host), order).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::LimitExceeded);
    assert_eq!(it.open_copies(), 1);
}
