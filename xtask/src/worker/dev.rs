//! `cargo xtask dev`: the Worker, served from this machine.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::{build, npm};
use crate::repository::Repository;
use workspace_workerd::Workerd;

/// How to serve it.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Where to listen; port 0 is a free one.
    #[arg(long, default_value = "127.0.0.1:8787")]
    listen: String,
}

/// Builds the Worker, serves it until it is interrupted, and says how to use it.
pub(crate) fn run(repository: &Repository, options: &Options) -> Result<()> {
    npm::install(repository)?;
    let built = build::package(repository)?;
    let directory = repository.target.join("dev");
    fs::create_dir_all(&directory).with_context(|| format!("making {}", directory.display()))?;
    let token = token(&directory.join("token"))?;
    let config = configure(repository, &built.join("worker.js"), &directory, &token)?;
    let state = directory.join("state");
    let mut workerd = Workerd::start(&repository.root, &config, &state, &options.listen, &[])?;
    greet(workerd.address(), &token);
    workerd.wait()
}

/// Puts together what workerd reads for the Worker of a module: it in one piece,
/// the simulator of R2, and the configuration with the token in it.
pub(crate) fn configure(
    repository: &Repository,
    entry: &Path,
    directory: &Path,
    token: &str,
) -> Result<PathBuf> {
    build::simulator(repository, directory)?;
    build::bundle(entry, directory)?;
    fs::write(directory.join("token"), token)?;
    let config = repository.root.join(build::WORKER_AT).join("workerd.capnp");
    build::copy(&config, directory)?;
    Ok(directory.join("workerd.capnp"))
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

fn greet(address: &str, token: &str) {
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

Its state is in target/dev; Ctrl-C stops it."
    );
}
