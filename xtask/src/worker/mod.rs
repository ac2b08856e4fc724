//! The Worker: built, and tested inside a Durable Object in workerd.

mod author;
mod build;
mod cases;
mod contract;
mod delegated;
pub(crate) mod dev;
mod durability;
mod example;
mod github;
mod guestbook;
mod live;
mod matrix;
mod measured;
mod npm;
mod package;
mod page;
pub(crate) mod raw;
mod runs;
pub(crate) mod typegen;
mod typescript;
mod wrangler;

use std::fs;
use std::path::Path;

use anyhow::Result;
use workspace_workerd::Workerd;

use crate::command::Program;
use crate::repository::Repository;
pub(crate) use measured::{build_measured, kill};
use raw::Target;

/// What to run in workerd.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How often workerd is killed under writers.
    #[arg(long, default_value_t = KILLS)]
    kills: u32,
    /// Runs nothing but GitHub, there and back.
    #[arg(long)]
    github: bool,
}

/// As many as the gate has time for.
const KILLS: u32 = 4;

/// Runs what the gate runs.
pub(crate) fn test(repository: &Repository) -> Result<()> {
    let github = false;
    run(
        repository,
        &Options {
            kills: KILLS,
            github,
        },
    )
}

/// What to do with delegated code.
#[derive(clap::Args)]
pub(crate) struct Delegated {
    /// How often workerd, or what runs code for it, is killed during a run.
    #[arg(long, default_value_t = 2_000)]
    kills: u32,
    /// Kill a host in wasmtime instead, at each call of the files.
    #[arg(long)]
    native: bool,
    /// Run the cases over RPC and the programs of the corpus in workerd, and kill nothing.
    #[arg(long, conflicts_with = "native")]
    corpus: bool,
    /// Measure applications, runs that wait and many programs in workerd, and kill nothing.
    #[arg(long, conflicts_with_all = ["native", "corpus"])]
    measure: bool,
}

/// Runs delegated code for a long time.
pub(crate) fn delegated(repository: &Repository, options: &Delegated) -> Result<()> {
    if options.native {
        return Program::cargo()
            .args([
                "nextest",
                "run",
                "--no-capture",
                "-p",
                "workspace-dynamic-worker",
            ])
            .args(["--features", "wasmtime", "a_run_whose_host_is_killed"])
            .env("KILLS", options.kills.to_string())
            .run();
    }
    if options.measure {
        return delegated::measure(repository);
    }
    if options.corpus {
        npm::install(repository)?;
        build::package(repository)?;
        let consumer = package::consume(repository)?;
        typescript::run(repository, &consumer)?;
        return runs::run(repository, &consumer);
    }
    runs::kill(repository, options.kills)
}

/// What to build.
#[derive(clap::Args)]
pub(crate) struct Built {
    /// The example in Rust as well, into its `dist`.
    #[arg(long)]
    guestbook: bool,
}

/// Builds the Worker's npm package.
pub(crate) fn build(repository: &Repository, options: &Built) -> Result<()> {
    npm::install(repository)?;
    let mut built = vec![build::package(repository)?];
    if options.guestbook {
        let output = repository.root.join(guestbook::AT).join("dist");
        build::guestbook(repository, &output)?;
        built.push(output);
    }
    for directory in built {
        println!("built {}", directory.display());
    }
    Ok(())
}

/// How to test the TypeScript half.
#[derive(clap::Args, Default)]
pub(crate) struct TypeScript {
    /// Plays the page for people in this Chromium as well.
    #[arg(long)]
    chromium: Option<String>,
}

/// Tests the TypeScript half: what it exports, who uses it, and the page.
pub(crate) fn typescript(repository: &Repository, options: &TypeScript) -> Result<()> {
    npm::install(repository)?;
    typegen::run(repository, true)?;
    Program::new("node_modules/.bin/biome")
        .args(["check", "--error-on-warnings", "."])
        .run()?;
    let built = build::package(repository)?;
    let consumer = package::consume(repository)?;
    typescript::run(repository, &consumer)?;
    runs::run(repository, &consumer)?;
    example::run(repository, &consumer)?;
    author::run(repository, &consumer)?;
    guestbook::run(repository, &consumer)?;
    page::test(repository, &built, None)?;
    if let Some(chromium) = &options.chromium {
        page::test(repository, &built, Some(chromium))?;
    }
    wrangler::run(repository)
}

/// Builds the Worker of the tests and runs them, then the one that is deployed and
/// kills it.
pub(crate) fn run(repository: &Repository, options: &Options) -> Result<()> {
    npm::install(repository)?;
    let built = build::tests(repository)?;
    let state = built.join("state");
    if state.exists() {
        fs::remove_dir_all(&state)?;
    }
    let config = built.join("config.capnp");
    let workerd = Workerd::start(&repository.root, &config, &state, "127.0.0.1:0", &[])?;
    if options.github {
        return github::run(repository, &workerd);
    }
    cases::run(&workerd)?;
    drop(workerd);
    durability::run(repository, options.kills)?;
    contract(repository)?;
    dev::ends(repository)
}

/// Sends bad input to the Worker as it is deployed, over a bucket that can fail.
fn contract(repository: &Repository) -> Result<()> {
    let directory = repository.target.join("worker/contract");
    let (mut workerd, target) = serve(repository, &directory, "contract.capnp")?;
    contract::run(&target)?;
    let bucket = Target {
        address: workerd.socket("faults").into(),
        ..target.clone()
    };
    contract::faults(&target, |mode| {
        let told = bucket.anonymous("PUT", &format!("/fault/{mode}")).send()?;
        told.expect(200).map(drop)
    })?;
    live::run(&mut workerd, &target)
}

/// Serves the Worker as it is deployed, from nothing, while the first of the pair
/// lives.
pub(crate) fn serve(
    repository: &Repository,
    directory: &Path,
    config: &str,
) -> Result<(Workerd, Target)> {
    npm::install(repository)?;
    let built = build::package(repository)?;
    if directory.exists() {
        fs::remove_dir_all(directory)?;
    }
    fs::create_dir_all(directory)?;
    dev::configure(
        repository,
        &built.join("worker.js"),
        directory,
        typescript::TOKEN,
    )?;
    for entry in fs::read_dir(repository.root.join("crates/worker/tests"))? {
        build::copy(&entry?.path(), directory)?;
    }
    let state = directory.join("state");
    // House is kept soon after a change.
    let env = &[("WORKSPACE_IDLE", "1"), ("WORKSPACE_ORIGINS", live::ORIGIN)];
    let config = directory.join(config);
    let workerd = Workerd::start(&repository.root, &config, &state, "127.0.0.1:0", env)?;
    let target = Target {
        address: workerd.address().into(),
        prefix: String::new(),
        token: typescript::TOKEN.into(),
    };
    Ok((workerd, target))
}
