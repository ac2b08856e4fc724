//! Wrangler, which deploys the Worker: that it accepts the configuration, and
//! that what it runs works.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::build::WORKER_AT;
use super::typescript::TOKEN;
use crate::command::Program;
use crate::repository::Repository;
use workspace_workerd::Client;

/// How long it may take to start, and to end.
const PATIENCE: Duration = Duration::from_secs(180);

/// Makes a dry run of a deployment, and uses `wrangler dev` a little.
pub(crate) fn run(repository: &Repository) -> Result<()> {
    let directory = repository.target.join("worker/wrangler");
    if directory.exists() {
        fs::remove_dir_all(&directory)?;
    }
    fs::create_dir_all(&directory)?;
    accepts(repository, &repository.root.join(WORKER_AT), &directory)?;
    serve(repository, &directory)
}

/// Makes a dry run of the deployment of what is at `worker`, with its output and its
/// settings in `directory`.
pub(crate) fn accepts(repository: &Repository, worker: &Path, directory: &Path) -> Result<()> {
    let deployed = directory.join("deployed");
    wrangler(repository, worker, directory)
        .args(["deploy", "--dry-run", "--outdir"])
        .args([&deployed])
        .run()?;
    let wasm = fs::read_dir(deployed)?
        .filter_map(Result::ok)
        .any(|file| file.path().extension().is_some_and(|kind| kind == "wasm"));
    ensure!(wasm, "the deployment has no wasm");
    Ok(())
}

/// Prepares a call of wrangler, for what is at `worker`, that asks nobody for anything.
fn wrangler(repository: &Repository, worker: &Path, directory: &Path) -> Program {
    Program::new(repository.root.join("node_modules/.bin/wrangler"))
        .outside_cargo()
        .directory(worker)
        .env("CI", "true")
        .env("WRANGLER_SEND_METRICS", "false")
        .env("WRANGLER_HIDE_BANNER", "true")
        .env("CLOUDFLARE_CF_FETCH_ENABLED", "false")
        .env("XDG_CONFIG_HOME", directory.join("config"))
}

/// Starts `wrangler dev` with no state, and calls the Worker there.
fn serve(repository: &Repository, directory: &Path) -> Result<()> {
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let log = directory.join("dev.log");
    let started = Instant::now();
    let worker = repository.root.join(WORKER_AT);
    let child = wrangler(repository, &worker, directory)
        .args(["dev", "--ip", "127.0.0.1", "--port"])
        .args([address.port().to_string()])
        .args(["--inspector-port", "0", "--persist-to"])
        .args([directory.join("state")])
        .args(["--var".into(), format!("WORKSPACE_TOKEN:{TOKEN}")])
        .start(File::create(&log)?)?;
    let mut group = Group(child);
    let client = Client::new(address.to_string());
    let used = wait(&mut group, &client).and_then(|()| play(&client));
    used.with_context(|| format!("see {}", log.display()))?;
    println!(
        "wrangler dev: put, get, fork, apply ({:.1} s)",
        started.elapsed().as_secs_f64()
    );
    Ok(())
}

fn wait(group: &mut Group, client: &Client) -> Result<()> {
    let start = Instant::now();
    loop {
        if let Ok((200, _)) = client.send("GET", "/workspaces/smoke/v1/health", Some(TOKEN), b"") {
            return Ok(());
        }
        if let Some(status) = group.0.try_wait()? {
            bail!("wrangler dev ended with {status}");
        }
        ensure!(start.elapsed() < PATIENCE, "wrangler dev does not answer");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn play(client: &Client) -> Result<()> {
    let call = |method: &str, path: &str, body: &[u8]| -> Result<Vec<u8>> {
        let path = format!("/workspaces/smoke/v1/{path}");
        let (status, said) = client.send(method, &path, Some(TOKEN), body)?;
        let text = String::from_utf8_lossy(&said);
        ensure!(status < 300, "{method} {path}: {status}: {text}");
        Ok(said)
    };
    let large = vec![b'x'; 300_000];
    call("PUT", "head/files/a.txt", b"one")?;
    call("PUT", "head/files/large", &large)?;
    call("POST", "copies", br#"{"name": "draft"}"#)?;
    call("PUT", "copies/draft/files/a.txt", b"two")?;
    ensure!(call("GET", "head/files/a.txt", b"")? == b"one");
    call("POST", "copies/draft/apply", b"{}")?;
    ensure!(call("GET", "head/files/a.txt", b"")? == b"two");
    ensure!(call("GET", "head/files/large", b"")? == large);
    let (status, _) = client.send("GET", "/workspaces/smoke/v1/head", None, b"")?;
    ensure!(status == 401, "a request without a token: {status}");
    Ok(())
}

/// A process and those that it starts, which end with it: the launcher alone
/// would leave workerd behind.
struct Group(Child);

impl Group {
    /// Tells whether there was still somebody to get the signal.
    fn signal(&self, name: &str) -> bool {
        let group = format!("-{}", self.0.id());
        Program::new("kill").args([name, "--", &group]).works()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal("-TERM");
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(5) {
            // The launcher, once reaped, no longer counts.
            let _ = self.0.try_wait();
            if !self.signal("-0") {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.signal("-KILL");
        let _ = self.0.wait();
    }
}
