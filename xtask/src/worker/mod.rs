//! The Worker: built, and tested inside a Durable Object in workerd.

mod build;
mod cases;
mod contract;
pub(crate) mod dev;
mod durability;
mod example;
mod figures;
mod npm;
mod package;
mod raw;
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
    contract(repository)
}

/// Sends bad input to the Worker as it is deployed, over a bucket that can fail.
fn contract(repository: &Repository) -> Result<()> {
    let built = build::package(repository)?;
    let directory = repository.target.join("worker/contract");
    if directory.exists() {
        std::fs::remove_dir_all(&directory)?;
    }
    std::fs::create_dir_all(&directory)?;
    let token = "a-token-for-tests-only";
    dev::configure(repository, &built.join("worker.js"), &directory, token)?;
    for name in ["contract.capnp", "faulty.mjs"] {
        build::copy(
            &repository.root.join("crates/worker/tests").join(name),
            &directory,
        )?;
    }
    let config = directory.join("contract.capnp");
    let workerd = Workerd::start(repository, &config, &directory.join("state"), "127.0.0.1:0")?;
    let target = raw::Target {
        address: workerd.address().into(),
        prefix: String::new(),
        token: token.into(),
    };
    contract::run(&target)?;
    let bucket = raw::Target {
        address: workerd.socket("faults").into(),
        ..target.clone()
    };
    contract::faults(&target, |mode| {
        bucket
            .anonymous("PUT", &format!("/fault/{mode}"))
            .send()?
            .expect(200)?;
        Ok(())
    })
}
