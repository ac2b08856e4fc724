//! How long runs take: `cargo run --release -p workspace-dynamic-worker --features wasmtime
//! --example warm -- [RUNS] [DIRECTORY]`. Prints milliseconds of a run that reads a file and
//! writes one, answered from memory, and of a host's first run.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use bytes::Bytes;
use workspace_dynamic_worker::{
    Call, Code, Ended, Limits, Native, NativeOptions as Options, Program, Reply,
};

const JAVASCRIPT: &str = "export default async ({ WORKSPACE: files }) => {
    const read = await files.readFile('a.txt');
    await files.writeFile('b.txt', read.value);
}";
const COMPONENT: &[u8] = include_bytes!("../tests/component.wasm");

async fn answer(call: Call) -> Result<Reply, Ended> {
    let contents = (call.method == "readFile").then(|| Bytes::from_static(b"some text"));
    let json = r#"{"status":"ok","value":null}"#.into();
    Ok(Reply { json, contents })
}

async fn once(host: &Native, code: &Code) -> Duration {
    let begun = Instant::now();
    let execution = host
        .run(code.clone(), "\"warm\"", &Limits::default(), answer)
        .await;
    let took = begun.elapsed();
    assert!(
        matches!(execution.ended, Ended::Returned { .. }),
        "{execution:?}"
    );
    took
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

#[allow(clippy::print_stdout)]
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let runs: usize = arguments.next().map_or(Ok(1_000), |runs| runs.parse())?;
    let mut options = Options::default();
    options.directory = Some(
        arguments
            .next()
            .map_or_else(std::env::temp_dir, PathBuf::from)
            .join("workspace-warm"),
    );
    let javascript = Code::Modules(Program::of(JAVASCRIPT));

    drop(Native::new(&options)?);
    let begun = Instant::now();
    let host = Native::new(&options)?;
    let started = begun.elapsed();
    let first = once(&host, &javascript).await;
    println!(
        "cold: host {:.2} ms, first run {:.2} ms",
        millis(started),
        millis(first)
    );

    let component = Code::Component(host.compile(COMPONENT)?);
    for (name, code) in [("javascript", &javascript), ("component", &component)] {
        let mut took = Vec::with_capacity(runs);
        for _ in 0..runs {
            took.push(once(&host, code).await);
        }
        took.sort();
        let at = |part: usize| millis(took[(took.len() - 1) * part / 100]);
        println!("{name}: p50 {:.3} ms, p99 {:.3} ms", at(50), at(99));
    }
    Ok(())
}
