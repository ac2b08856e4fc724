//! Runs the bench crate, which measures; see `bench/`.

use anyhow::Result;

use crate::command::Program;
use crate::repository::Repository;
use crate::worker;

/// What the groups that run in workerd begin with.
const WORKER: &str = "worker";
/// The group that shows what was there after workerd was killed.
const KILLS: &str = "worker-kills";

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Smaller sizes: all of it in under 5 minutes.
    #[arg(long)]
    quick: bool,
    /// Measures only the groups whose names contain this, such as `worker`; their
    /// sections replace those of the page.
    #[arg(long)]
    only: Option<String>,
}

/// Builds what is measured and the bench crate in release, and measures.
pub(crate) fn run(repository: &Repository, options: &Options) -> Result<()> {
    let only = options.only.as_deref().unwrap_or_default();
    // Neither the command nor its peers are there to see in workerd, nor a Worker
    // in what is asked for by another name.
    let (native, worker) = (
        !only.starts_with(WORKER),
        only.is_empty() || only.starts_with(WORKER),
    );
    let mut packages = vec!["workspace-bench"];
    if native {
        packages.extend(["workspace-cli", "workspace-bench-agentfs"]);
    }
    Program::cargo()
        .args(["build", "--release"])
        .args(packages.iter().flat_map(|package| ["-p", package]))
        .run()?;
    if worker {
        worker::build_measured(repository)?;
        if KILLS.contains(only) {
            worker::kill(repository, if options.quick { 8 } else { 200 })?;
        }
    }
    let mut bench = Program::new(repository.target.join("release/workspace-bench"))
        .args(["--target".as_ref(), repository.target.as_os_str()])
        .args(["--only", only]);
    if options.quick {
        bench = bench.args(["--quick"]);
    }
    if !worker {
        bench = bench.args(["--no-worker"]);
    }
    bench.run()
}
