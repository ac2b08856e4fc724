//! What JavaScript finds, and how it ends.

use serde_json::{Value, json};
use workspace_dynamic_worker::{Level, Limits};

use crate::support::{Files, host, program, run, run_with, thrown_of, value, value_of};

#[tokio::test]
async fn a_value_is_what_json_says_of_it() {
    let cases = [
        (
            "return { a: [1, 2.5, 'x', null, true] }",
            json!({ "a": [1, 2.5, "x", null, true] }),
        ),
        ("return undefined", Value::Null),
        ("return { a: undefined }", json!({})),
        ("return new Date(0)", json!("1970-01-01T00:00:00.000Z")),
        ("return { toJSON: () => 7 }", json!(7)),
        ("return Promise.resolve(3)", json!(3)),
        ("return { then(done) { done(4) } }", json!(4)),
        ("return '\\ud800'", json!("\u{fffd}")),
        ("return 'ä\\u0000'", json!("ä\0")),
    ];
    for (body, expected) in cases {
        let execution = run(body).await;
        if body.contains("ud800") {
            // JSON says it by an escape, which serde refuses: either way nothing panics.
            continue;
        }
        assert_eq!(value_of(&execution), expected, "{body}");
    }
}

#[tokio::test]
async fn what_json_does_not_say_is_an_error() {
    for body in [
        "return () => 1",
        "return Symbol('s')",
        "return 1n",
        "return [new Map([[1, () => 1]]), () => 1]",
        "const a = {}; a.a = a; return a",
    ] {
        assert_eq!(thrown_of(run(body).await).name, "TypeError", "{body}");
    }
}

#[tokio::test]
async fn the_default_export_is_a_function_or_has_one() {
    let inputs = [
        "export default (env, input) => input.n",
        "export default { run: async (env, input) => input.n }",
        "const f = (env, input) => input.n\nexport { f as default }",
        "export default await Promise.resolve((env, input) => input.n)",
    ];
    for source in inputs {
        let code = program(&[("main.js", source)]);
        let execution = run_with(code, r#"{"n":5}"#, &Limits::default()).await;
        assert_eq!(value_of(&execution), json!(5), "{source}");
    }
    for source in ["export default 3", "export const a = 1", ""] {
        let code = program(&[("main.js", source)]);
        let thrown = thrown_of(run_with(code, "null", &Limits::default()).await);
        assert_eq!(thrown.name, "TypeError", "{source}");
    }
    let none = run_with(program(&[]), "null", &Limits::default()).await;
    assert_eq!(thrown_of(none).message, "a program has a module");
}

#[tokio::test]
async fn what_is_thrown_has_its_module_and_line() {
    let main = "import { f } from './lib/a.js';\nexport default () => f();";
    let inner = "\nexport function f() {\n  throw new RangeError('too far');\n}";
    let code = program(&[("main.js", main), ("lib/a.js", inner)]);
    let thrown = thrown_of(run_with(code, "null", &Limits::default()).await);
    assert_eq!((&*thrown.name, &*thrown.message), ("RangeError", "too far"));
    assert_eq!(
        (thrown.module.as_deref(), thrown.line),
        (Some("lib/a.js"), Some(3))
    );

    let code = program(&[("main.js", "\n\nexport default () => { let let = 1 }")]);
    let thrown = thrown_of(run_with(code, "null", &Limits::default()).await);
    assert_eq!(thrown.name, "SyntaxError");
    assert_eq!(
        (thrown.module.as_deref(), thrown.line),
        (Some("main.js"), Some(3))
    );

    for (body, message) in [("throw 'text'", "text"), ("throw null", "null")] {
        let thrown = thrown_of(run(body).await);
        assert_eq!((&*thrown.name, &*thrown.message), ("", message));
    }
}

#[tokio::test]
async fn the_console_keeps_levels_and_order() {
    let execution = run("console.log('a', 1, { b: [2] }); console.warn('c'); console.error(new Error('d')); console.info(undefined); console.debug(null)").await;
    let lines: Vec<_> = execution
        .console
        .iter()
        .map(|line| (line.level, &*line.text))
        .collect();
    let expected = [
        (Level::Log, r#"a 1 {"b":[2]}"#),
        (Level::Warn, "c"),
        (Level::Error, "Error: d"),
        (Level::Info, "undefined"),
        (Level::Debug, "null"),
    ];
    assert_eq!(lines, expected);
    assert_eq!(execution.left_out, 0);
}

#[tokio::test]
async fn files_are_read_and_written() {
    let files = Files::default();
    files.all.borrow_mut().insert("a".into(), "\u{e4}\0".into());
    let source = "export default async ({ WORKSPACE: files }) => {
        const read = await files.readFile('a');
        await files.writeFile('b', read.value);
        await files.writeFile('c', 'x\\ud800', { ifAbsent: true });
        await files.writeFile('d', new Uint16Array([1, 2, 3]).subarray(1));
        const many = await Promise.all([1, 2, 3].map((n) => files.readText('b', { after: 20 })));
        return [read.status, read.value instanceof Uint8Array, [...read.value], many.map((one) => one.value), await files.readFile('missing')];
    }";
    let code = program(&[("main.js", source)]);
    let execution = host()
        .run(code, "null", &Limits::default(), async |call| {
            files.answer(call).await
        })
        .await;
    let missing = json!({ "status": "error", "error": { "code": "not_found", "message": "it failed", "path": "missing" } });
    let text = "\u{e4}\0";
    assert_eq!(
        value_of(&execution),
        json!(["ok", true, [0xc3, 0xa4, 0], [text, text, text], missing])
    );
    let all = files.all.borrow();
    assert_eq!(all["b"], "\u{e4}\0".as_bytes());
    assert_eq!(all["c"], "x\u{fffd}".as_bytes());
    assert_eq!(&all["d"][..], [2, 0, 3, 0]);
    let calls = files.calls.borrow();
    let wrote = calls
        .iter()
        .find(|call| call.arguments.contains("ifAbsent"))
        .unwrap();
    let arguments: Value = serde_json::from_str(&wrote.arguments).unwrap();
    assert_eq!(arguments, json!({ "ifAbsent": true, "path": "c" }));
}

#[tokio::test]
async fn a_run_makes_no_code_of_text_and_has_no_way_out() {
    let bodies = [
        "return eval('1')",
        "return (0, eval)('1')",
        "return Function('return 1')()",
        "return new Function('return 1')()",
        "return (() => {}).constructor('return 1')()",
        "return (async () => {}).constructor('return 1')()",
        "return (function* () {}).constructor('return 1')()",
        "return Reflect.construct(Object.getPrototypeOf(async function* () {}).constructor, ['1'])",
        "return await fetch('https://example.com')",
        "return new WebSocket('wss://example.com')",
    ];
    for body in bodies {
        let thrown = thrown_of(run(body).await);
        assert!(
            ["EvalError", "TypeError"].contains(&&*thrown.name),
            "{body}: {thrown:?}"
        );
    }
    let found = value(
        "return ['Deno', 'process', 'require', 'std', 'os', 'bjson', 'print', 'load', 'scriptArgs', 'Worker', 'navigator']
            .filter((name) => globalThis[name] !== undefined)",
    );
    assert_eq!(found.await, json!([]));
}

#[tokio::test]
async fn timers_are_in_order_of_their_time() {
    let body = "const seen = [];
        const say = (what) => seen.push(what);
        setTimeout(say, 30, 'c');
        setTimeout(say, 10, 'a');
        setTimeout(() => { say('b'); Promise.resolve().then(() => say('b2')); }, 20);
        const gone = setTimeout(say, 5, 'never');
        clearTimeout(gone); clearTimeout(undefined); clearTimeout(1e9);
        setTimeout(() => { throw new Error('unheard') }, 1);
        setTimeout(say, undefined, 'first');
        await new Promise((done) => setTimeout(done, 40));
        let n = 0;
        await new Promise((done) => { const id = setInterval(() => { if (++n === 3) { clearInterval(id); done() } }, 2) });
        return [...seen, n, typeof performance.now()]";
    let execution = run(body).await;
    let expected = json!(["first", "a", "b", "b2", "c", 3, "number"]);
    assert_eq!(value_of(&execution), expected);
    assert_eq!(execution.console[0].text, "uncaught Error: unheard");
}

#[tokio::test]
async fn text_is_utf8_both_ways() {
    let cases = [
        (
            "[...new TextEncoder().encode('ä€😀')]",
            json!("ä€😀".as_bytes()),
        ),
        (
            "[...new TextEncoder().encode('\\ud800')]",
            json!([0xef, 0xbf, 0xbd]),
        ),
        (
            "new TextEncoder().encodeInto('ä€', new Uint8Array(4))",
            json!({ "read": 1, "written": 2 }),
        ),
        (
            "new TextDecoder().decode(new Uint8Array([0xef, 0xbb, 0xbf, 0x61, 0xff, 0xe2, 0x82]))",
            json!("a\u{fffd}\u{fffd}"),
        ),
        (
            "new TextDecoder('utf-8', { ignoreBOM: true }).decode(new Uint8Array([0xef, 0xbb, 0xbf, 0x61]))",
            json!("\u{feff}a"),
        ),
        ("new TextDecoder().decode()", json!("")),
        (
            "(() => { const d = new TextDecoder(); return [d.decode(new Uint8Array([0xe2, 0x82]), { stream: true }), d.decode(new Uint8Array([0xac]))] })()",
            json!(["", "€"]),
        ),
        (
            "(() => { const d = new TextDecoder(); return [d.decode(new Uint8Array([0xe2]), { stream: true }), d.decode()] })()",
            json!(["", "\u{fffd}"]),
        ),
        (
            "(() => { try { new TextDecoder('utf8', { fatal: true }).decode(new Uint8Array([0xff])) } catch (e) { return e.name } })()",
            json!("TypeError"),
        ),
        (
            "(() => { try { new TextDecoder('latin1') } catch (e) { return e.name } })()",
            json!("RangeError"),
        ),
    ];
    for (expression, expected) in cases {
        assert_eq!(
            value(&format!("return {expression}")).await,
            expected,
            "{expression}"
        );
    }
}

#[tokio::test]
async fn structures_are_cloned() {
    let body = "const one = { a: [1, new Date(5)], m: new Map([['k', new Set([1])]]), b: new Uint8Array([1, 2]), e: new TypeError('x') };
        one.self = one;
        const two = structuredClone(one);
        two.b[0] = 9;
        let name;
        try { structuredClone(() => 1) } catch (error) { name = error.name }
        return [two.self === two, two !== one, two.a[1].getTime(), two.m.get('k').has(1), [...two.b], [...one.b], two.e instanceof TypeError, two.e.message, name]";
    let expected = json!([
        true,
        true,
        5,
        true,
        [9, 2],
        [1, 2],
        true,
        "x",
        "DataCloneError"
    ]);
    assert_eq!(value(body).await, expected);
}

#[tokio::test]
async fn the_clock_is_of_now() {
    let now = value("return [Date.now(), new Date().getFullYear() > 2000]").await;
    let host = std::time::SystemTime::UNIX_EPOCH
        .elapsed()
        .unwrap()
        .as_millis();
    assert!(
        now[0].as_u64().unwrap().abs_diff(host as u64) < 60_000,
        "{now}"
    );
    assert_eq!(now[1], json!(true));
}
