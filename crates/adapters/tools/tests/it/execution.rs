//! What a host executes.

use std::cell::RefCell;
use std::rc::Rc;

use async_trait::async_trait;
use futures::executor::block_on;
use serde_json::json;
use workspace_core::{Change, ChangeOptions, Result};
use workspace_tools::{Ended, Order, Runner, Shell};

use crate::support::Fixture;

/// Writes what it is given to a file, and fails afterwards.
#[derive(Default)]
struct Writer(RefCell<Vec<Order>>);

impl Writer {
    async fn write(&self, order: Order, ended: Ended) -> Result<Ended> {
        let change = Change::write("/out", order.source.as_str())?;
        let options = ChangeOptions::default().author(order.author.clone());
        let changed = order.view.change(vec![change], options).await?;
        self.0.borrow_mut().push(order);
        Ok(Ended {
            operation: changed.operation,
            ..ended
        })
    }
}

#[async_trait(?Send)]
impl Shell for Writer {
    async fn exec(&self, order: Order) -> Result<Ended> {
        let ended = Ended {
            how: "exited".into(),
            exit: Some(2),
            stdout: "x".repeat(100_000),
            ..Ended::default()
        };
        self.write(order, ended).await
    }
}

#[async_trait(?Send)]
impl Runner for Writer {
    async fn run(&self, order: Order) -> Result<Ended> {
        let ended = Ended {
            how: "returned".into(),
            succeeded: true,
            value: Some(json!({ "n": 1 })),
            ..Ended::default()
        };
        self.write(order, ended).await
    }
}

#[test]
fn how_it_ended_is_told_apart_from_what_it_changed() {
    let fixture = Fixture::over(&[("/out", "0")]);
    let host = Rc::new(Writer::default());
    let tools = fixture
        .tools
        .clone()
        .with_shell(host.clone())
        .with_runner(host.clone());
    assert_eq!(tools.list().len(), workspace_tools::TABLE.len());
    let command = json!({ "command": ["bash", "-lc", "make"], "workdir": "src", "timeout": 500 });
    let made = block_on(tools.call("Bash", &command, "c1"));
    let ended = &made.value["ended"];
    assert!(made.is_ok() && ended["succeeded"] == false && ended["exit"] == 2);
    assert_eq!(ended["stdout_bytes"], 100_000);
    assert!(ended["stdout"].as_str().unwrap().len() < 30_000);
    assert_eq!(made.value["changed"][0]["path"], "/out");
    assert!(
        made.text.contains("exit code 2") && made.text.contains("+make"),
        "{}",
        made.text
    );
    let order = host.0.borrow()[0].clone();
    assert_eq!(
        (order.source.as_str(), order.timeout_ms),
        ("make", Some(500))
    );
    assert_eq!(
        (order.call.as_str(), order.cwd.unwrap().as_str()),
        ("c1", "/src")
    );
    // Once for its id, and taken back like any other.
    let again = block_on(tools.call("exec", &command, "c1"));
    assert_eq!(
        (&again.value["repeated"], &again.value["ended"]),
        (&json!(true), ended)
    );
    assert_eq!(host.0.borrow().len(), 1);
    let run = block_on(tools.call("run", &json!({ "code": "1" }), "c2"));
    assert_eq!(run.value["ended"]["value"]["n"], 1);
    block_on(tools.call("undo", &json!({ "call": "c2" }), "c3"));
    assert_eq!(fixture.text("/out"), "make");
    let undone = block_on(tools.call("undo", &json!({ "call": "c1" }), "c4"));
    assert!(undone.is_ok(), "{}", undone.text);
    assert_eq!(fixture.text("/out"), "0");
}
