//! What runs in workerd. `cargo xtask bench` builds the Workers and puts them where
//! they are looked for here; workerd is the one that npm installed.

mod served;

pub(crate) mod clients;
pub(crate) mod imports;
pub(crate) mod kills;
pub(crate) mod loops;
pub(crate) mod peers;
pub(crate) mod scale;
pub(crate) mod start;
pub(crate) mod streams;

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use workspace_workerd::{Client, Workerd};

use crate::Bench;
use crate::measure::timed;

/// The Worker as it is deployed.
const PRODUCTION: &str = "bench/worker/production/workerd.capnp";
/// One with an object and a bucket that does next to nothing.
const PLAIN: &str = "bench/worker/plain/plain.capnp";
/// A bucket by itself.
const BUCKET: &str = "bench/worker/plain/bucket.capnp";
/// Ours beside its peers.
const PEERS: &str = "bench/worker/peers/peers.capnp";
/// What `cargo xtask bench` found when it killed workerd.
const KILLS: &str = "bench/worker/kills.json";
/// That of the tests, which runs operations without HTTP.
const TESTS: &str = "worker/tests/config.capnp";

/// Starts a Worker, by its configuration, with its state in a directory of the run.
fn start(bench: &Bench, worker: &str) -> Result<Workerd> {
    let config = bench.target.join(worker);
    let state = config.file_stem().unwrap_or_default();
    let state = bench.directory.join(state);
    // The repository's root is where this runs.
    Workerd::start(Path::new("."), &config, &state, "127.0.0.1:0", &[])
}

/// Starts a Worker whose bucket is another process.
fn start_apart(bench: &Bench, worker: &str, bucket: &Workerd) -> Result<Workerd> {
    let config = bench.target.join(worker);
    let text = std::fs::read_to_string(&config)?;
    let apart = text
        .split_once("(name = \"bucket\", worker = ")
        .and_then(|(before, rest)| {
            let (_, after) = rest.split_once(')')?;
            let address = bucket.address();
            let bucket = format!("external = (address = \"{address}\", http = ())");
            Some(format!("{before}(name = \"bucket\", {bucket}){after}"))
        });
    let apart = apart.with_context(|| format!("{} has no bucket", config.display()))?;
    let name = config.with_file_name("apart.capnp");
    std::fs::write(&name, apart)?;
    let state = config.parent().and_then(Path::file_name);
    let state = bench.directory.join(state.unwrap_or_default());
    Workerd::start(Path::new("."), &name, &state, "127.0.0.1:0", &[])
}

/// An object of the tests' Worker.
struct Inside<'w> {
    client: &'w Client,
    object: String,
}

impl<'w> Inside<'w> {
    /// Makes one with `files` files in directories of a hundred.
    fn filled(client: &'w Client, files: u64) -> Result<Self> {
        let inside = Self {
            client,
            object: format!("files-{files}"),
        };
        let start = Instant::now();
        for from in (0..files).step_by(10_000) {
            inside.run("fill", (files - from).min(10_000), from)?;
        }
        eprintln!("    {files} files: {:.1} s", start.elapsed().as_secs_f64());
        Ok(inside)
    }

    /// Runs an operation `times` times in one request; returns what it says.
    fn run(&self, operation: &str, times: u64, from: u64) -> Result<String> {
        let Self { client, object } = self;
        client.pass(&format!("/{object}/figure/{operation}/{times}/{from}"))
    }

    /// Returns the seconds that one takes, of `times` in one request, less those of
    /// an empty request.
    fn seconds(&self, operation: &str, times: u64, from: u64) -> Result<f64> {
        let Self { client, object } = self;
        let (empty, _) = timed(|| client.pass(&format!("/{object}/nothing")))?;
        let (full, _) = timed(|| self.run(operation, times, from))?;
        Ok(full.saturating_sub(empty).as_secs_f64() / times as f64)
    }
}
