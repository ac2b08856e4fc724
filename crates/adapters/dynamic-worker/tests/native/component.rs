//! Components of the world `program`.

use bytes::Bytes;
use serde_json::{Value, json};
use workspace_dynamic_worker::{Call, Code, Ended, Level, Limit, Limits, Reply};

use crate::support::{Files, component, host, limit_of, limits_with, ok, thrown_of, value_of};

#[tokio::test]
async fn a_component_reads_writes_and_says() {
    let host = host();
    let compiled = component(&host);
    let files = Files::default();
    files.all.borrow_mut().insert("a.txt".into(), "text".into());
    for n in 0..10 {
        files
            .all
            .borrow_mut()
            .insert(format!("{n}.txt"), n.to_string().into());
    }
    let run = async |input: &str| {
        let code = Code::Component(compiled.clone());
        host.run(code, input, &Limits::default(), async |call| {
            files.answer(call).await
        })
        .await
    };
    assert_eq!(value_of(&run("\"warm\"").await), Value::Null);
    assert_eq!(files.all.borrow()["b.txt"], "text");
    assert_eq!(value_of(&run("\"many\"").await), "0123456789");
    assert_eq!(value_of(&run("[1]").await), json!([1]));
    assert_eq!(
        thrown_of(run("\"fails\"").await).message,
        "not_found missing : it failed"
    );
    let said = run("\"console\"").await;
    assert_eq!(
        (said.console[0].level, &*said.console[0].text),
        (Level::Warn, "said")
    );
}

fn answer(call: &Call) -> Reply {
    let file = json!({ "kind": "file", "content": "c0", "size": 3, "executable": true, "modified": 4, "mediaType": "text/x", "provenance": "p" });
    let directory = json!({ "kind": "directory", "tree": "t0", "files": 1, "directories": 2, "bytes": 3, "longest": 4 });
    let symlink = json!({ "kind": "symlink", "target": "../x", "modified": -1 });
    match &*call.method {
        "readFile" => Reply {
            contents: Some(Bytes::from_static(&[1, 2])),
            ..ok(&Value::Null)
        },
        "readText" => ok(&json!("text")),
        "list" => ok(
            &json!({ "entries": [{ "name": "f", "entry": file }, { "name": "s", "entry": symlink }], "next": "s" }),
        ),
        "glob" => ok(&json!({ "entries": [{ "path": "d/e", "entry": directory }] })),
        "stat" => ok(&json!({ "path": "f", "entry": file })),
        "exists" => ok(&json!(true)),
        "grep" => ok(
            &json!({ "matches": [{ "path": "f", "line": 2, "text": "x y" }], "skipped": 1, "leftOut": 5, "next": "n" }),
        ),
        "diff" => ok(
            &json!({ "differences": [{ "path": "f", "old": file }, { "path": "g", "new": symlink }] }),
        ),
        _ => ok(&json!({ "path": "f", "changed": {} })),
    }
}

#[tokio::test]
async fn each_method_is_the_call_that_javascript_makes() {
    let host = host();
    let calls = std::cell::RefCell::new(Vec::new());
    let code = Code::Component(component(&host));
    let execution = host
        .run(code, "\"files\"", &Limits::default(), async |call| {
            let reply = answer(&call);
            calls.borrow_mut().push(call);
            Ok(reply)
        })
        .await;
    value_of(&execution);
    let said: Vec<_> = execution.console.iter().map(|line| &*line.text).collect();
    let expected = [
        "[1, 2]",
        "text",
        "f: file c0 3 true 4 text/x",
        "s: symlink ../x -1",
        "next Some(\"s\")",
        "d/e: directory t0 1 2 3 4",
        "next None",
        "f: file c0 3 true 4 text/x",
        "true",
        "f:2:x y",
        "skipped 1 left out 5 next Some(\"n\")",
        "f: Some(\"file c0 3 true 4 text/x\") None",
        "g: None Some(\"symlink ../x -1\")",
    ];
    assert_eq!(said, expected);

    let javascript = "export default async ({ WORKSPACE: files }) => {
        await files.readFile('f'); await files.readText('f');
        await files.writeFile('f', new Uint8Array([0, 255]), { executable: true, mediaType: 'text/x', createParents: false });
        await files.edit('f', [{ old: 'a', new: 'b', all: true }]);
        await files.list(); await files.list('d', { after: 'a', limit: 7 });
        await files.glob('**', { path: 'd' });
        await files.stat('f'); await files.exists('f');
        await files.grep('x', { path: 'd', glob: '*.md', literal: true, ignoreCase: true, after: 'a', limit: 7 });
        await files.mkdir('d'); await files.delete('d');
        await files.move('a', 'b', { replace: true }); await files.copy('a', 'b'); await files.diff({ after: 'a', limit: 7 });
    }";
    let others = std::cell::RefCell::new(Vec::new());
    let code = crate::support::program(&[("main.js", javascript)]);
    let execution = host
        .run(code, "null", &Limits::default(), async |call| {
            let reply = answer(&call);
            others.borrow_mut().push(call);
            Ok(reply)
        })
        .await;
    value_of(&execution);
    let read = |calls: Vec<Call>| -> Vec<_> {
        let calls = calls.into_iter();
        let read = calls.map(|call| {
            let arguments: Value = serde_json::from_str(&call.arguments).unwrap();
            (call.method, arguments, call.contents)
        });
        read.collect()
    };
    assert_eq!(read(calls.into_inner()), read(others.into_inner()));
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_the_hosts_fault() {
    let host = host();
    let compiled = component(&host);
    for json in ["", "{}", "[]", r#"{"status":"ok","value":{"entries":[1]}}"#] {
        let code = Code::Component(compiled.clone());
        let execution = host
            .run(code, "\"files\"", &Limits::default(), async |call| {
                let wrong = Reply {
                    json: json.into(),
                    contents: None,
                };
                Ok(if call.method == "list" {
                    wrong
                } else {
                    answer(&call)
                })
            })
            .await;
        assert!(
            matches!(execution.ended, Ended::Platform { .. }),
            "{json}: {execution:?}"
        );
    }
}

#[tokio::test]
async fn what_a_component_hands_over_that_is_none_is_its_own_fault() {
    let host = host();
    let compiled = component(&host);
    let run = async |input: &str, memory: u32| {
        let files = Files::default();
        let code = Code::Component(compiled.clone());
        let limits = limits_with(|limits| {
            limits.memory = memory;
            limits.bytes = 1 << 20;
        });
        host.run(code, input, &limits, async |call| files.answer(call).await)
            .await
    };
    for input in ["text", "pointer"] {
        let thrown = thrown_of(run(input, 64 << 20).await);
        assert_eq!(thrown.name, "RuntimeError", "{input}: {thrown:?}");
    }
    assert_eq!(thrown_of(run("deep", 64 << 20).await).name, "RangeError");
    assert_eq!(value_of(&run("edits", 64 << 20).await), "limit_exceeded");
    assert_eq!(limit_of(&run("hoard", 128 << 20).await), Limit::Bytes);
}

#[test]
fn what_is_no_program_is_not_compiled() {
    let host = host();
    let cases: [&[u8]; 4] = [b"", b"nothing", b"\0asm\x01\0\0\0", b"\0asm\x0d\0\x01\0"];
    for wasm in cases {
        host.compile(wasm).unwrap_err();
    }
    // That of another world.
    host.compile(include_bytes!("../../engine.wasm"))
        .unwrap_err();
}
