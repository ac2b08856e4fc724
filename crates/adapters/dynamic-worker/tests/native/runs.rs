//! Runs beside one another.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};
use workspace_dynamic_worker::Limits;

use crate::support::{Files, host_of, limits_with, ok, program, value_of};

#[tokio::test]
async fn runs_share_nothing() {
    let host = host_of(1);
    let source = "export default (env) => {
        const seen = [globalThis.kept, Array.prototype.kept, env.kept, env.WORKSPACE.kept];
        globalThis.kept = Array.prototype.kept = env.kept = env.WORKSPACE.kept = 1;
        return [seen, Math.random(), crypto.randomUUID(), [...crypto.getRandomValues(new Uint8Array(8))]];
    }";
    let mut seen: Vec<Value> = Vec::new();
    for _ in 0..3 {
        let files = Files::default();
        let code = program(&[("main.js", source)]);
        let execution = host
            .run(code, "null", &Limits::default(), async |call| {
                files.answer(call).await
            })
            .await;
        seen.push(value_of(&execution));
    }
    for one in &seen {
        assert_eq!(one[0], json!([null, null, null, null]));
    }
    for part in 1..4 {
        assert_ne!(seen[0][part], seen[1][part]);
        assert_ne!(seen[1][part], seen[2][part]);
    }
    let uuid = seen[0][2].as_str().unwrap();
    assert_eq!((uuid.len(), &uuid[14..15]), (36, "4"));
}

#[tokio::test]
async fn a_capability_that_is_kept_ends_with_its_run() {
    let host = host_of(1);
    let files = Files::default();
    let run = async |source: &str| {
        let code = program(&[("main.js", source)]);
        host.run(code, "null", &Limits::default(), async |call| {
            files.answer(call).await
        })
        .await
    };
    let keeps = "export default (env) => {
        globalThis.kept = env.WORKSPACE;
        setTimeout(() => kept.writeFile('late', 'x'), 5);
        (async () => { for (;;) await kept.exists('a', { after: 5 }) })();
        return typeof kept.exists;
    }";
    assert_eq!(value_of(&run(keeps).await), "function");
    let calls = files.calls.borrow().len();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(
        value_of(&run("export default () => typeof kept").await),
        "undefined"
    );
    assert_eq!(files.calls.borrow().len(), calls);
    assert!(files.all.borrow().is_empty());
}

#[tokio::test]
async fn a_run_that_nobody_wants_gives_its_place_back() {
    let host = host_of(1);
    let never = async |_| std::future::pending().await;
    for body in [
        "for (;;) {}",
        "await env.WORKSPACE.exists('a')",
        "await new Promise((d) => setTimeout(d, 1e6))",
    ] {
        let source = format!("export default async (env) => {{ {body} }}");
        let code = program(&[("main.js", &source)]);
        let limits = limits_with(|limits| {
            limits.millis = 300_000;
        });
        let run = host.run(code, "null", &limits, never);
        let cut = tokio::time::timeout(Duration::from_millis(30), run).await;
        assert!(cut.is_err(), "{body}");
        // There is one place: this ends once it is free.
        let code = program(&[("main.js", "export default () => 1")]);
        let execution = host.run(code, "null", &Limits::default(), never).await;
        assert_eq!(value_of(&execution), 1, "{body}");
    }
}

#[tokio::test]
async fn many_runs_have_their_turns_in_order() {
    let host = host_of(3);
    let (running, most) = (Cell::new(0), Cell::new(0));
    let begun = RefCell::new(Vec::new());
    let runs = (0..200).map(|n| {
        let (host, running, most, begun) = (&host, &running, &most, &begun);
        async move {
            let source = "export default async (env, input) => { await env.WORKSPACE.exists('begin'); return input }";
            let code = program(&[("main.js", source)]);
            let answer = async |_| {
                begun.borrow_mut().push(n);
                running.set(running.get() + 1);
                most.set(most.get().max(running.get()));
                tokio::time::sleep(Duration::from_millis(1)).await;
                running.set(running.get() - 1);
                Ok(ok(&json!(true)))
            };
            let execution = host.run(code, &n.to_string(), &Limits::default(), answer).await;
            assert_eq!(value_of(&execution), n);
        }
    });
    join_all(runs).await;
    assert!(most.get() <= 3, "{}", most.get());
    // Those that run at once may ask in any order.
    let begun = begun.into_inner();
    assert_eq!(begun.len(), 200);
    for (at, n) in begun.iter().enumerate() {
        assert!(at.abs_diff(*n) < 20, "{begun:?}");
    }
}

#[tokio::test]
async fn a_run_that_computes_keeps_nobody_from_their_turn() {
    let host = host_of(2);
    let never = async |_| std::future::pending().await;
    let limits = limits_with(|limits| {
        limits.millis = 300_000;
    });
    let computes = host.run(
        program(&[("main.js", "for (;;) {}")]),
        "null",
        &limits,
        never,
    );
    let others = async {
        for n in 0..20 {
            let code = program(&[("main.js", "export default (env, input) => input")]);
            let execution = host
                .run(code, &n.to_string(), &Limits::default(), never)
                .await;
            assert_eq!(value_of(&execution), n);
        }
    };
    tokio::select! {
        execution = computes => panic!("{execution:?}"),
        () = others => {}
    }
}
