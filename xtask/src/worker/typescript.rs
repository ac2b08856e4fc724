//! Calls over RPC, made and checked by a Worker in TypeScript.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};

use super::dev;
use crate::repository::Repository;
use workspace_workerd::{Client, Workerd};

/// The token of Workers under test.
pub(crate) const TOKEN: &str = "a+token/of/the+tests/that-nobody-else-knows==";

/// Runs all cases of `tests/rpc.ts`.
pub(crate) fn run(repository: &Repository, consumer: &Path) -> Result<()> {
    let (workerd, log) = start(repository, "rpc", &consumer.join("src/tests/rpc.ts"))?;
    let client = workerd.client();
    let names: Vec<String> = serde_json::from_str(&client.pass("/")?)?;
    let start = Instant::now();
    for name in &names {
        case(&client, name).with_context(|| format!("{name}; see {}", log.display()))?;
    }
    println!(
        "{} cases over RPC ({:.1} s)",
        names.len(),
        start.elapsed().as_secs_f64()
    );
    Ok(())
}

fn case(client: &Client, name: &str) -> Result<()> {
    client.pass(&format!("/{}", name.replace(' ', "%20")))?;
    Ok(())
}

/// Starts a Worker that is bound to workspaces, with no state; returns where its
/// log is as well.
pub(crate) fn start(
    repository: &Repository,
    name: &str,
    entry: &Path,
) -> Result<(Workerd, PathBuf)> {
    let directory = repository.target.join("worker").join(name);
    if directory.exists() {
        fs::remove_dir_all(&directory)?;
    }
    fs::create_dir_all(&directory)?;
    let config = dev::configure(repository, entry, &directory, TOKEN)?;
    let state = directory.join("state");
    let workerd = Workerd::start(&repository.root, &config, &state, "127.0.0.1:0", &[])?;
    Ok((workerd, state.join("workerd.log")))
}
