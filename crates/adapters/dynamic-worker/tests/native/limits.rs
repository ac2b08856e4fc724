//! Each limit, and what a hostile program does to come to it.

use std::time::Instant;

use workspace_dynamic_worker::{Code, Ended, Limit, Limits};

use crate::support::{
    Files, component, host, is_in_time, limit_of, limits_with, program, run, run_with, thrown_of,
    value_of,
};

fn limits() -> Limits {
    limits_with(|limits| {
        limits.millis = 500;
        limits.memory = 32 << 20;
    })
}

async fn hostile(body: &str) -> workspace_dynamic_worker::Execution {
    let source = format!("export default async function main(env) {{ {body} }}");
    let begun = Instant::now();
    let execution = run_with(program(&[("main.js", &source)]), "null", &limits()).await;
    is_in_time(begun, &limits());
    execution
}

#[tokio::test]
async fn endless_programs_end_in_time() {
    for body in [
        "for (;;) {}",
        "for (;;) { try { for (;;) {} } catch {} finally { continue } }",
        "for (;;) await null",
        "const f = () => Promise.resolve().then(f); await f(); await new Promise(() => setTimeout(() => {}, 1e6))",
        "return /^(a+)+$/.test('a'.repeat(64) + 'b')",
        "await new Promise((done) => setTimeout(done, 1e6))",
        "setInterval(() => {}, 0); await new Promise(() => {})",
        "await env.WORKSPACE.exists('a', { after: 100000 })",
        "for (;;) await env.WORKSPACE.exists('a')",
        "while (true) { setTimeout(() => {}, 0); await new Promise((done) => setTimeout(done, 0)) }",
        "return [].concat(...Array(1e4).fill(Array(1e4).fill(1))).sort(() => Math.random() - 0.5).length",
    ] {
        let execution = hostile(body).await;
        let limit = limit_of(&execution);
        assert!(
            matches!(limit, Limit::Time | Limit::Memory),
            "{body}: {limit:?}"
        );
    }
}

#[tokio::test]
async fn a_module_that_never_ends_ends_in_time() {
    for source in [
        "for (;;) {}",
        "await new Promise((d) => setTimeout(d, 1e6))",
    ] {
        let code = program(&[("main.js", source)]);
        let execution = run_with(code, "null", &limits()).await;
        assert_eq!(limit_of(&execution), Limit::Time, "{source}");
    }
}

#[tokio::test]
async fn memory_ends() {
    for body in [
        "const all = []; for (;;) all.push(new Uint8Array(1 << 20))",
        "const all = []; for (;;) all.push({ a: [all.length] })",
        "let text = 'x'; for (;;) text += text + Math.random()",
        "return 'x'.repeat(1 << 29).length",
        "return new Uint8Array(1 << 30).length",
        "return new ArrayBuffer(2 ** 31 - 1).byteLength",
        "const all = []; for (;;) all.push(setTimeout(() => {}, 1e6, 'x'.repeat(1e5) + all.length))",
    ] {
        let execution = hostile(body).await;
        let is_spent = match &execution.ended {
            Ended::Limit { limit } => matches!(limit, Limit::Memory | Limit::Time),
            // For which there is never enough, so that it is not even asked for.
            Ended::Threw(thrown) => {
                ["string too long", "out of memory"].contains(&&*thrown.message)
            }
            _ => false,
        };
        assert!(is_spent, "{body}: {execution:?}");
    }
}

#[tokio::test]
async fn a_program_may_go_on_where_it_asked_for_too_much() {
    let execution = hostile("try { new Uint8Array(1 << 30) } catch { return 'caught' }").await;
    assert_eq!(value_of(&execution), "caught");
}

#[tokio::test]
async fn recursion_ends() {
    for body in [
        "const f = () => f() + 1; return f()",
        "const f = async () => (await f()) + 1; return f()",
        "class A { get a() { return this.a } } return new A().a",
        "const a = []; a[0] = a; return a.flat(Infinity)",
        "return JSON.parse('['.repeat(1e5) + ']'.repeat(1e5)).length",
        "let a = []; for (let n = 0; n < 1e5; n++) a = [a]; return JSON.stringify(a).length",
        "const p = new Proxy({}, { get: (t, k, r) => r[k] }); return p.a",
        "return /(?:(?:(?:a*)*)*)*b/.test('a'.repeat(1e5))",
    ] {
        let execution = hostile(body).await;
        let limit = limit_of(&execution);
        assert!(
            matches!(limit, Limit::Stack | Limit::Time | Limit::Memory),
            "{body}: {limit:?}"
        );
    }
    let deep = format!(
        "export default () => {}1{}",
        "(".repeat(100_000),
        ")".repeat(100_000)
    );
    let execution = run_with(program(&[("main.js", &deep)]), "null", &limits()).await;
    assert_eq!(limit_of(&execution), Limit::Stack);
    let execution =
        hostile("const f = () => f(); try { f() } catch (error) { return error.name }").await;
    assert_eq!(value_of(&execution), "RangeError");
}

#[tokio::test]
async fn the_console_is_cut_and_says_so() {
    let limits = {
        let mut limits = limits();
        limits.lines = 10;
        limits.millis = 10_000;
        limits.console = 100;
        limits
    };
    let source =
        "export default () => { for (let n = 0; n < 20000; n++) console.log(`line ${n % 10}`) }";
    let execution = run_with(program(&[("main.js", source)]), "null", &limits).await;
    value_of(&execution);
    assert_eq!(execution.console.len(), 10);
    assert_eq!(execution.left_out, 19_990);
    // What follows one that is left out is left out as well.
    let source =
        "export default () => { console.log('a'); console.log('x'.repeat(100)); console.log('b') }";
    let execution = run_with(program(&[("main.js", source)]), "null", &limits).await;
    assert_eq!((execution.console.len(), execution.left_out), (1, 2));
    let source = "export default () => { for (let n = 0; n < 9; n++) console.log('x'.repeat(30)) }";
    let execution = run_with(program(&[("main.js", source)]), "null", &limits).await;
    assert_eq!((execution.console.len(), execution.left_out), (3, 6));
}

#[tokio::test]
async fn what_a_run_said_is_there_however_it_ended() {
    for body in [
        "for (;;) {}",
        "await new Promise((d) => setTimeout(d, 1e6))",
        "const f = () => f(); f()",
        "throw 1",
    ] {
        let execution = hostile(&format!("console.log('said'); {body}")).await;
        assert_eq!(execution.console.len(), 1, "{body}");
    }
}

#[tokio::test]
async fn a_promise_that_nothing_settles_is_an_error() {
    for body in [
        "await new Promise(() => {})",
        "const id = setTimeout(() => {}, 1e6); clearTimeout(id); await new Promise(() => {})",
        "return { then() {} }",
    ] {
        let thrown = thrown_of(hostile(body).await);
        let expected = ("Error", "the program waits for what cannot happen");
        assert_eq!((&*thrown.name, &*thrown.message), expected, "{body}");
    }
}

#[tokio::test]
async fn values_and_sources_have_sizes() {
    let limits = {
        let mut limits = limits();
        limits.value = 1_000;
        limits.source = 1_000;
        limits.modules = 2;
        limits.millis = 10_000;
        limits
    };
    let of = |count: usize| format!("export default () => 'x'.repeat({count})");
    let run = async |source: &str| run_with(program(&[("main.js", source)]), "null", &limits).await;
    value_of(&run(&of(998)).await);
    assert_eq!(limit_of(&run(&of(999)).await), Limit::Value);
    // It may come to the end of its memory first.
    let far = limit_of(&run(&of(10 << 20)).await);
    assert!(matches!(far, Limit::Value | Limit::Memory), "{far:?}");
    // As an order counts it, the names of modules are not among that.
    assert_eq!(thrown_of(run(&" ".repeat(1_000)).await).name, "TypeError");
    assert_eq!(limit_of(&run(&" ".repeat(1_001)).await), Limit::Source);
    let many = program(&[("a.js", ""), ("b.js", ""), ("c.js", "")]);
    assert_eq!(
        limit_of(&run_with(many, "null", &limits).await),
        Limit::Source
    );
}

#[tokio::test]
async fn calls_without_an_answer_are_bounded() {
    let body = "for (;;) env.WORKSPACE.exists('a', { after: 100000 })";
    // Where there is no memory left for an error, QuickJS throws null.
    let execution = hostile(body).await;
    let is_its_own = matches!(execution.ended, Ended::Limit { .. } | Ended::Threw(_));
    assert!(is_its_own, "{execution:?}");
    let limits = {
        let mut limits = limits();
        limits.calls = 10;
        limits.bytes = 1 << 20;
        limits.millis = 10_000;
        limits
    };
    for (body, expected) in [(
        "await Promise.all(Array(100).fill().map(() => env.WORKSPACE.exists('a', { after: 1000 })))",
        Limit::Calls,
    )] {
        let source = format!("export default async (env) => {{ {body} }}");
        let execution = run_with(program(&[("main.js", &source)]), "null", &limits).await;
        assert_eq!(limit_of(&execution), expected, "{body}");
    }
}

/// Each answer is there at once, and takes the caller some time.
#[tokio::test]
async fn a_flood_of_costly_calls_ends_with_the_run() {
    let answered = std::cell::Cell::new(0);
    let source = "export default (env) => Promise.all(Array.from({ length: 10000 }, () => env.WORKSPACE.exists('a')))";
    let others = std::cell::Cell::new(0);
    let host = host();
    let limits = limits();
    let run = host.run(
        program(&[("main.js", source)]),
        "null",
        &limits,
        async |_| {
            std::thread::sleep(std::time::Duration::from_millis(5));
            answered.set(answered.get() + 1);
            Ok(crate::support::ok(&serde_json::Value::Bool(true)))
        },
    );
    let beside = async {
        loop {
            others.set(others.get() + 1);
            tokio::task::yield_now().await;
        }
    };
    let execution = tokio::select! {
        execution = run => execution,
        () = beside => unreachable!("it goes on"),
    };
    assert_eq!(limit_of(&execution), Limit::Time);
    // All of them would take 50 seconds.
    assert!(answered.get() < 5_000, "{}", answered.get());
    // And others had their turn between any two of them.
    assert!(
        others.get() + 1 >= answered.get(),
        "{} {}",
        others.get(),
        answered.get()
    );
}

#[tokio::test]
async fn who_answers_can_end_a_run() {
    let files = Files::default();
    let source =
        "export default async (env) => { console.log('said'); await env.WORKSPACE.readFile('a') }";
    let execution = host()
        .run(
            program(&[("main.js", source)]),
            "null",
            &limits(),
            async |mut call| {
                call.method = "end".into();
                files.answer(call).await
            },
        )
        .await;
    assert_eq!(limit_of(&execution), Limit::Calls);
    assert_eq!(execution.console.len(), 1);
}

#[tokio::test]
async fn a_component_comes_to_the_same_limits() {
    let host = host();
    let compiled = component(&host);
    let run = async |input: &str| {
        let files = Files::default();
        let begun = Instant::now();
        let code = Code::Component(compiled.clone());
        let execution = host
            .run(code, input, &limits(), async |call| {
                files.answer(call).await
            })
            .await;
        is_in_time(begun, &limits());
        execution
    };
    assert_eq!(limit_of(&run("spins").await), Limit::Time);
    assert_eq!(limit_of(&run("grows").await), Limit::Memory);
    assert_eq!(limit_of(&run("recurses").await), Limit::Stack);
    assert_eq!(limit_of(&run("large").await), Limit::Value);
    let waits = thrown_of(run("waits").await);
    // Its own runtime may notice it first, and trap.
    assert!(
        ["Error", "RuntimeError"].contains(&&*waits.name),
        "{waits:?}"
    );
    let panics = thrown_of(run("panics").await);
    assert_eq!(panics.name, "RuntimeError");
    assert_eq!(thrown_of(run("wrong").await).name, "SyntaxError");
    assert_eq!(thrown_of(run("throws").await).message, "no more");
    let flood = run("flood").await;
    assert_eq!(flood.console.len(), 1_000);
    assert!(flood.left_out > 0, "{flood:?}");
}

#[tokio::test]
async fn nothing_of_it_is_the_hosts_fault() {
    for body in [
        "JSON.stringify = () => { throw 1 }; return 1",
        "Promise.prototype.then = null; return 1",
        "Object.prototype.then = (done) => done(1); return {}",
        "Array.prototype[Symbol.iterator] = null; return [1]",
        "Error.prototype.toString = null; throw new Error('x')",
        "throw { get message() { throw 1 } }",
        "throw new Proxy({}, { getPrototypeOf() { throw 1 } })",
        "const e = new Error('x'); Object.defineProperty(e, 'stack', { get() { throw 1 } }); throw e",
        "Error.prepareStackTrace = () => { throw 1 }; throw new Error('x')",
        "delete globalThis.Promise; delete globalThis.JSON; return 1",
        "env.WORKSPACE.exists('never heard'); setTimeout(() => {}, 1000); return 1",
        "await import('./main.js'); return 1",
        "Object.defineProperty(Object.prototype, '0', { set() { throw 1 } }); await env.WORKSPACE.exists('x')",
        "structuredClone(new Array(2 ** 32 - 1))",
        "let n = 0; const v = new Uint8Array(4); Object.defineProperty(v, 'byteLength', { get: () => n++ ? 4294967295 : 4 }); crypto.getRandomValues(v)",
        "const v = new Uint8Array(4); Object.defineProperty(v, 'byteLength', { value: 4294967295 }); crypto.getRandomValues(v)",
        "Object.defineProperty(Uint8Array.prototype, 'byteLength', { get: () => 1e9 }); crypto.getRandomValues(new Uint8Array(4))",
        "Object.defineProperty(Uint8Array.prototype, 'length', { get: () => 4294967295 }); new TextDecoder().decode(new Uint8Array(4))",
        "setTimeout(() => {}, { valueOf() { throw 1 } })",
    ] {
        let execution = run(body).await;
        let is_its_own = matches!(
            execution.ended,
            Ended::Returned { .. } | Ended::Threw(_) | Ended::Limit { .. }
        );
        assert!(is_its_own, "{body}: {execution:?}");
    }
}
