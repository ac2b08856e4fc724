//! The project's own tasks. Start with `cargo xtask --help`.

// A task talks to the person who started it.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod bench;
mod claims;
mod command;
mod demo;
mod engine;
mod fuzz;
mod gate;
mod licences;
mod mutants;
mod packages;
mod repository;
mod steps;
mod tools;
mod worker;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::repository::Repository;
use crate::tools::Tool;

/// The project's own tasks.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    /// Installs or checks what the task needs, and does no more.
    #[arg(long)]
    prepare: bool,
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Everything that has to hold before a change lands.
    Test,
    /// The part of `test` that runs no test: formatting, lints, wasm32, dependencies.
    Check,
    /// Builds the Worker and serves it from here, with its state in the target folder.
    Dev(worker::dev::Options),
    /// Plays the whole loop of the `workspace` command on real trees.
    Demo,
    /// Sends generated requests to the native server and to the Worker.
    Fuzz(fuzz::Options),
    /// Measures the figures of docs/benchmarks.md, and writes them there.
    Bench(bench::Options),
    /// Changes core and contract in small ways and looks whether a test notices; writes
    /// docs/mutants.md. Takes an hour or so without `--file`.
    Mutants(mutants::Options),
    /// Builds the engine for delegated JavaScript in wasmtime, and the component that its
    /// tests run; both are kept in the repository.
    Engine,
    /// Builds the Worker's npm package, in crates/worker/dist.
    Build(worker::Built),
    /// Kills workerd, or a host in wasmtime, during runs of delegated code, and looks whether
    /// each is there once; runs the corpus; measures.
    Runs(worker::Delegated),
    /// Makes again what is generated of the contract: declarations in TypeScript, the table
    /// in docs/operations.md.
    Typegen,
    /// The step of `test` for the crates as they are published.
    Package,
    /// The step of `test` for TypeScript: types, the npm package, the example, the page, wrangler.
    Typescript(worker::TypeScript),
    /// The step of `test` that runs inside a Durable Object, in workerd.
    Worker(worker::Options),
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

impl Task {
    /// What it needs beyond cargo.
    fn needs(&self) -> &'static [Tool] {
        match self {
            Self::Test => tools::TEST,
            Self::Check => tools::CHECK,
            Self::Dev(_) | Self::Build(_) | Self::Worker(_) => tools::WORKER,
            Self::Demo => tools::DEMO,
            Self::Fuzz(_) | Self::Bench(_) | Self::Runs(_) | Self::Typescript(_) => tools::BOTH,
            Self::Typegen => tools::WORKER,
            Self::Engine => tools::ENGINE,
            Self::Mutants(_) | Self::Package => tools::NATIVE,
        }
    }
}

fn run(Arguments { prepare, task }: Arguments) -> Result<()> {
    command::end_together()?;
    tools::prepare(task.needs())?;
    if prepare {
        println!("all that it needs is in place");
        return Ok(());
    }
    let repository = Repository::find()?;
    match task {
        Task::Test => gate::test(&repository),
        Task::Check => gate::check(&repository),
        Task::Dev(options) => worker::dev::run(&repository, &options),
        Task::Fuzz(options) => fuzz::run(&repository, &options),
        Task::Demo => demo::run(&repository),
        Task::Bench(options) => bench::run(&repository, &options),
        Task::Mutants(options) => mutants::run(&repository, &options),
        Task::Engine => engine::run(&repository),
        Task::Package => packages::run(&repository),
        Task::Build(options) => worker::build(&repository, &options),
        Task::Runs(options) => worker::delegated(&repository, &options),
        Task::Typegen => worker::typegen::run(&repository, false),
        Task::Typescript(options) => worker::typescript(&repository, &options),
        Task::Worker(options) => worker::run(&repository, &options),
    }
}
