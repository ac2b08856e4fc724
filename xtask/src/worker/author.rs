//! What `ts/author.ts` makes of a panic: an answer, and no harm to what comes after it.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use workspace_workerd::{Client, Workerd};

use super::build;
use crate::repository::Repository;

const TESTS: &str = "crates/worker/tests";
/// Less than what waits would wait for.
const SOON: Duration = Duration::from_secs(20);

/// Runs the cases of `tests/author.mjs` beside the npm package in `consumer`.
pub(crate) fn run(repository: &Repository, consumer: &Path) -> Result<()> {
    let directory = repository.target.join("worker/author");
    if directory.exists() {
        fs::remove_dir_all(&directory)?;
    }
    fs::create_dir_all(&directory)?;
    let tests = repository.root.join(TESTS);
    build::copy(&tests.join("author.capnp"), &directory)?;
    build::copy(&tests.join("author.mjs"), consumer)?;
    build::bundle(&consumer.join("author.mjs"), &directory)?;
    let (config, state) = (directory.join("author.capnp"), directory.join("state"));
    let workerd = Workerd::start(&repository.root, &config, &state, "127.0.0.1:0", &[])?;
    panics(&workerd.client()).with_context(|| format!("see {}", state.display()))?;
    println!("panics in a Worker in Rust: answered, in objects, bodies and the entry");
    Ok(())
}

fn panics(client: &Client) -> Result<()> {
    for path in ["/object/now", "/object/later", "/entry/now"] {
        ends(client, path)?;
        ensure!(client.pass("/object/calm")? == "calm", "after {path}");
    }
    thread::scope(|scope| {
        let waiting = scope.spawn(|| ends(client, "/object/waiting"));
        thread::sleep(Duration::from_millis(500));
        ends(client, "/object/now")?;
        waiting.join().expect("a call does not panic")
    })?;
    let started = Instant::now();
    // How a body that breaks off looks is the runtime's.
    let broken = client.call("/object/body");
    ensure!(started.elapsed() < SOON, "a body that nobody makes hangs");
    ensure!(
        broken.is_err() || broken.is_ok_and(|(_, body)| body == "one "),
        "a body goes on after a panic"
    );
    ensure!(client.pass("/object/passed")? == "passed as it is");
    ensure!(client.pass("/object/calm")? == "calm");
    Ok(())
}

/// Fails unless a panic is answered, and soon. Where the entry waits for an object of the
/// same isolate both end, and the runtime answers for the entry in its own words.
fn ends(client: &Client, path: &str) -> Result<()> {
    let started = Instant::now();
    let (status, text) = client.call(path)?;
    ensure!(
        status == 500 && started.elapsed() < SOON,
        "{path} answers {status} after {:?}: {text}",
        started.elapsed()
    );
    Ok(())
}
