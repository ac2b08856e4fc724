//! Measures the figures of `docs/benchmarks.md`. Run by `cargo xtask bench`.

// The figures are what this program is there to print.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod command;
mod commits;
mod data;
mod diffs;
mod figures;
mod imports;
mod interleave;
mod machine;
mod measure;
mod model;
mod ours;
mod peers;
mod process;
mod reads;
mod report;
mod scale;
mod sizes;
mod streams;
mod worker;

use std::path::PathBuf;
use std::slice;

use anyhow::{Context, Result};
use clap::Parser;

use crate::command::OurCommand;
use crate::figures::Section;
use crate::machine::Machine;

/// Measures the figures of docs/benchmarks.md.
#[derive(Parser)]
struct Arguments {
    /// Smaller sizes.
    #[arg(long)]
    quick: bool,
    /// Only the groups whose names contain this.
    #[arg(long, default_value = "")]
    only: String,
    /// Leaves out what needs the Workers to be built.
    #[arg(long)]
    no_worker: bool,
    /// Cargo's target directory: what is measured is below it, and so on its disk.
    #[arg(long)]
    target: PathBuf,
}

/// What every group needs.
pub(crate) struct Bench {
    /// Whether sizes are small.
    pub(crate) quick: bool,
    /// An empty directory that is removed at the end.
    pub(crate) directory: PathBuf,
    /// The command under measure.
    pub(crate) command: OurCommand,
    /// Cargo's target directory.
    pub(crate) target: PathBuf,
}

type Group = (&'static str, fn(&Bench) -> Result<Section>);

const GROUPS: [Group; 17] = [
    ("scale", scale::measure),
    ("commits", commits::measure),
    ("sizes", sizes::measure),
    ("imports", imports::measure),
    ("diffs", diffs::measure),
    ("streams", streams::measure),
    ("reads", reads::measure),
    ("model", model::measure),
    ("model-tasks", interleave::measure),
    ("worker-scale", worker::scale::measure),
    ("worker-loop", worker::loops::measure),
    ("worker-import", worker::imports::measure),
    ("worker-peers", worker::peers::measure),
    ("worker-clients", worker::clients::measure),
    ("worker-streams", worker::streams::measure),
    ("worker-start", worker::start::measure),
    ("worker-kills", worker::kills::measure),
];

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    // What is measured small says nothing about the project's page.
    let out = arguments.target.join(if arguments.quick {
        "bench/quick"
    } else {
        "bench"
    });
    std::fs::create_dir_all(&out).with_context(|| format!("cannot make {}", out.display()))?;
    let page = match arguments.quick {
        true => out.join("benchmarks.md"),
        false => PathBuf::from("docs/benchmarks.md"),
    };
    let figures = out.join("figures.json");
    let mut sections = Vec::new();
    for (name, measure) in GROUPS {
        let worker = name.starts_with("worker");
        if !name.contains(&arguments.only) || (worker && arguments.no_worker) {
            continue;
        }
        eprintln!("{name}");
        let directory = tempfile::Builder::new().prefix("run-").tempdir_in(&out)?;
        let bench = Bench {
            quick: arguments.quick,
            directory: directory.path().to_path_buf(),
            command: OurCommand::new(&arguments.target.join("release/workspace")),
            target: arguments.target.clone(),
        };
        let section = measure(&bench).with_context(|| format!("group {name}"))?;
        // At once, so that what a later group runs into costs only that one.
        report::write_markdown(slice::from_ref(&section), &Machine::look(&out), &page)?;
        report::write_json(slice::from_ref(&section), &figures)?;
        sections.push(section);
    }
    report::print(&sections);
    println!("written to {} and {}", page.display(), figures.display());
    Ok(())
}
