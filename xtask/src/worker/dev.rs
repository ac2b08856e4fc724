//! `cargo xtask dev`: the Worker, served from this machine.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use super::{build, npm};
use crate::command::Program;
use crate::repository::Repository;
use workspace_workerd::Workerd;

/// How to serve it.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Where to listen; port 0 is a free one.
    #[arg(long, default_value = "127.0.0.1:8787")]
    listen: String,
    /// Where its state is: target/dev unless said.
    #[arg(long)]
    state: Option<PathBuf>,
}

/// Builds the Worker, serves it until it is interrupted, and says how to use it.
pub(crate) fn run(repository: &Repository, options: &Options) -> Result<()> {
    npm::install(repository)?;
    let built = build::package(repository)?;
    let own = || repository.target.join("dev");
    let directory = options.state.clone().unwrap_or_else(own);
    fs::create_dir_all(&directory).with_context(|| format!("making {}", directory.display()))?;
    let token = token(&directory.join("token"))?;
    let config = configure(repository, &built.join("worker.js"), &directory, &token)?;
    let state = directory.join("state");
    let mut workerd = Workerd::start(&repository.root, &config, &state, &options.listen, &[])?;
    greet(workerd.address(), &token, &directory);
    workerd.wait()
}

/// Puts together what workerd reads for the Worker of a module: it in one piece,
/// the simulator of R2, the Worker that runs delegated code, and the configurations with the
/// token in them.
pub(crate) fn configure(
    repository: &Repository,
    entry: &Path,
    directory: &Path,
    token: &str,
) -> Result<PathBuf> {
    build::simulator(repository, directory)?;
    build::bundle(entry, directory)?;
    write_secret(&directory.join("token"), token)?;
    build::sandbox(repository, directory)?;
    let worker = repository.root.join(build::WORKER_AT);
    for config in ["workerd.capnp", "sandbox.capnp"] {
        build::copy(&worker.join(config), directory)?;
    }
    Ok(directory.join("workerd.capnp"))
}

/// Writes a file that only its owner may read.
fn write_secret(path: &Path, text: &str) -> Result<()> {
    let mut file = fs::File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("writing {}", path.display()))?;
    // One that is there already keeps its mode.
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    Ok(file.write_all(text.as_bytes())?)
}

/// Starts it as a person does, sends it the signal of a service manager, and looks
/// whether all of it ends.
pub(crate) fn ends(repository: &Repository) -> Result<()> {
    let state = repository.target.join("worker/dev");
    fs::create_dir_all(&state)?;
    let log = state.join("dev.log");
    // cargo becomes the task that it has built.
    let mut dev = Program::cargo()
        .args(["run", "--quiet", "--package", "xtask", "--", "dev"])
        .args(["--listen", "127.0.0.1:0", "--state"])
        .args([&state])
        .start(fs::File::create(&log)?)?;
    let ended = end(&mut dev, &log, &state);
    // Where it did not end by itself.
    let _ = dev.kill();
    let _ = dev.wait();
    ended
}

fn end(dev: &mut Child, log: &Path, state: &Path) -> Result<()> {
    let latest = Instant::now() + Duration::from_secs(300);
    let address = loop {
        let said = fs::read_to_string(log)?;
        let mut urls = said.lines().filter_map(|line| {
            let address = line.trim().strip_prefix("http://")?;
            address.strip_suffix("/workspaces/demo")
        });
        if let Some(address) = urls.next() {
            break address.to_string();
        }
        if let Some(status) = dev.try_wait()? {
            bail!("`cargo xtask dev` ended with {status}: {said}");
        }
        ensure!(
            Instant::now() < latest,
            "`cargo xtask dev` listens nowhere: {said}"
        );
        thread::sleep(Duration::from_millis(50));
    };
    for _ in 0..10 {
        TcpStream::connect(&address).with_context(|| format!("nobody is at {address}"))?;
        thread::sleep(Duration::from_millis(50));
    }
    let mode = fs::metadata(state.join("token"))?.permissions().mode();
    ensure!(mode & 0o777 == 0o600, "the token's mode is {mode:o}");
    let id = i32::try_from(dev.id()).ok().and_then(Pid::from_raw);
    kill_process(id.context("a process has an id")?, Signal::TERM)?;
    dev.wait()?;
    let latest = Instant::now() + Duration::from_secs(5);
    while TcpStream::connect(&address).is_ok() {
        ensure!(Instant::now() < latest, "workerd goes on at {address}");
        thread::sleep(Duration::from_millis(50));
    }
    println!("`cargo xtask dev` ends with its server");
    Ok(())
}

/// Returns the token of last time, or a new one.
fn token(file: &Path) -> Result<String> {
    if let Ok(token) = fs::read_to_string(file)
        && token.len() == 64
    {
        return Ok(token);
    }
    let mut bytes = [0; 32];
    fs::File::open("/dev/urandom")
        .and_then(|mut random| random.read_exact(&mut bytes))
        .context("making a token")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn greet(address: &str, token: &str, state: &Path) {
    println!(
        "
The Worker serves workspaces by name, each made when it is first used:

  http://{address}/workspaces/demo

In a browser (the token stays there, it is not sent with the URL):

  http://{address}/#workspace=demo&token={token}

Or by hand:

  export WORKSPACE_REMOTE=http://{address}/workspaces/demo WORKSPACE_TOKEN={token}
  curl -H \"Authorization: Bearer $WORKSPACE_TOKEN\" $WORKSPACE_REMOTE/v1/head
  echo hello | curl -T - -H \"Authorization: Bearer $WORKSPACE_TOKEN\" $WORKSPACE_REMOTE/v1/head/files/hello.txt
  cargo run -q -p workspace-cli -- ls

Its state is in {}; Ctrl-C stops it.",
        state.display()
    );
}
