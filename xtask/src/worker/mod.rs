//! The Worker: built, and tested inside a Durable Object in workerd.

mod build;
mod cases;
pub(crate) mod dev;
mod durability;
mod example;
mod figures;
mod npm;
mod package;
mod typescript;
mod workerd;
mod wrangler;

use anyhow::Result;

use crate::command::Program;
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

/// Builds the Worker's npm package.
pub(crate) fn build(repository: &Repository) -> Result<()> {
    npm::install(repository)?;
    let built = build::package(repository)?;
    println!("built {}", built.display());
    Ok(())
}

/// Tests the TypeScript half: what it exports, and who uses it.
pub(crate) fn typescript(repository: &Repository) -> Result<()> {
    npm::install(repository)?;
    Program::new("node_modules/.bin/biome")
        .args(["check", "--error-on-warnings", "."])
        .run()?;
    build::package(repository)?;
    let consumer = package::consume(repository)?;
    typescript::run(repository, &consumer)?;
    example::run(repository, &consumer)?;
    wrangler::run(repository)
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
