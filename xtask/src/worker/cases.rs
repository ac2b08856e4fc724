//! Tests that one request each runs inside an object.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use workspace_workerd::{Client, Workerd};

/// Each with the object that it gets for itself.
const CASES: [(&str, &str); 8] = [
    ("the SQL of an object", "/sql/sql"),
    ("rows as they are billed", "/billed/billed"),
    ("MetaStore conformance", "/meta/meta"),
    ("BlobStore conformance", "/blobs/blobs"),
    ("files of several parts", "/large/large"),
    ("the model", "/model/model/1/6/200/0"),
    ("the model, with faults", "/faults/model/2/6/200/0.01"),
    ("crashes", "/crash/crash"),
];

/// Runs all of them.
pub(crate) fn run(workerd: &Workerd) -> Result<()> {
    let client = workerd.client();
    for (name, path) in CASES {
        let start = Instant::now();
        let said = client.pass(path).with_context(|| {
            format!("{name}; see worker/tests/state/workerd.log in the target folder")
        })?;
        println!("{name}: {said} ({:.1} s)", start.elapsed().as_secs_f64());
    }
    panics(&client)
}

/// A panic answers 500 instead of never, rolls back its transaction, and does no
/// harm to what comes after it.
fn panics(client: &Client) -> Result<()> {
    client.pass("/calm/nothing")?;
    for case in ["panic", "panic-later", "panic-in-transaction"] {
        let start = Instant::now();
        let (status, text) = client.call(&format!("/panics/{case}"))?;
        let time = start.elapsed();
        ensure!(status == 500, "{case} answers {status}: {text}");
        println!("{case}: 500 ({:.3} s)", time.as_secs_f64());
        for object in ["panics", "calm"] {
            let rows = client.pass(&format!("/{object}/rows"))?;
            ensure!(rows == "0", "{case} leaves {rows} rows in {object}");
        }
    }
    // A panic ends what else is in flight, with an answer.
    let (status, text) = thread::scope(|scope| {
        let waiting = scope.spawn(|| client.call("/waiting/in-flight"));
        thread::sleep(Duration::from_millis(500));
        let panicked = client.call("/panics/panic");
        ensure!(panicked?.0 == 500, "a panic beside another request");
        waiting.join().expect("a call does not panic")
    })?;
    ensure!(
        status == 500,
        "what was in flight in a panic answers {status}: {text}"
    );
    client.pass("/waiting/nothing")?;
    let (status, text) = client.call("/calm/no-such-case")?;
    ensure!(status == 422, "an error answers {status}: {text}");
    Ok(())
}
