//! Runs the bench crate, which measures; see `bench/`.

use anyhow::Result;

use crate::command::Program;
use crate::repository::Repository;

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Smaller sizes: all of it in under 5 minutes.
    #[arg(long)]
    quick: bool,
    /// Measures only the groups whose names contain this.
    #[arg(long)]
    only: Option<String>,
}

/// Builds the command and the bench crate in release, and measures.
pub(crate) fn run(repository: &Repository, options: &Options) -> Result<()> {
    Program::cargo()
        .args([
            "build",
            "--release",
            "-p",
            "workspace-cli",
            "-p",
            "workspace-bench",
        ])
        .run()?;
    let release = repository.target.join("release");
    let mut bench = Program::new(release.join("workspace-bench"))
        .args(["--command".as_ref(), release.join("workspace").as_os_str()])
        .args(["--target".as_ref(), repository.target.as_os_str()]);
    if options.quick {
        bench = bench.args(["--quick"]);
    }
    if let Some(only) = &options.only {
        bench = bench.args(["--only", only]);
    }
    bench.run()
}
