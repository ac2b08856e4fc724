//! The Worker: built, and tested inside a Durable Object in workerd.

mod build;
mod cases;
pub(crate) mod dev;
mod durability;
mod figures;
mod npm;
mod workerd;

use anyhow::Result;

use crate::repository::Repository;
use workerd::Workerd;

/// What to run in workerd.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How often workerd is killed under writers.
    #[arg(long, default_value_t = KILLS)]
    kills: u32,
    /// Measures the object as well.
    #[arg(long)]
    figures: bool,
}

/// As many as the gate has time for.
const KILLS: u32 = 4;

/// Runs what the gate runs.
pub(crate) fn test(repository: &Repository) -> Result<()> {
    run(
        repository,
        &Options {
            kills: KILLS,
            figures: false,
        },
    )
}

/// Builds the Worker of the tests and runs them.
pub(crate) fn run(repository: &Repository, options: &Options) -> Result<()> {
    npm::install(repository)?;
    let built = build::tests(repository)?;
    let state = built.join("state");
    if state.exists() {
        std::fs::remove_dir_all(&state)?;
    }
    let config = built.join("config.capnp");
    let mut workerd = Workerd::start(repository, &config, &state, "127.0.0.1:0")?;
    cases::run(&workerd)?;
    durability::run(&mut workerd, options.kills)?;
    if options.figures {
        figures::run(&workerd)?;
    }
    Ok(())
}
