//! Measures the figures of `docs/benchmarks.md`. Run by `cargo xtask bench`.

// The figures are what this program is there to print.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod command;
mod commits;
mod data;
mod diffs;
mod figures;
mod imports;
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

use std::path::PathBuf;

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
    /// The `workspace` command to measure.
    #[arg(long)]
    command: PathBuf,
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
}

type Group = (&'static str, fn(&Bench) -> Result<Section>);

const GROUPS: [Group; 8] = [
    ("scale", scale::measure),
    ("commits", commits::measure),
    ("sizes", sizes::measure),
    ("imports", imports::measure),
    ("diffs", diffs::measure),
    ("streams", streams::measure),
    ("reads", reads::measure),
    ("model", model::measure),
];

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let out = arguments.target.join("bench");
    std::fs::create_dir_all(&out).with_context(|| format!("cannot make {}", out.display()))?;
    let mut sections = Vec::new();
    for (name, measure) in GROUPS {
        if !name.contains(&arguments.only) {
            continue;
        }
        eprintln!("{name}");
        let directory = tempfile::Builder::new().prefix("run-").tempdir_in(&out)?;
        let bench = Bench {
            quick: arguments.quick,
            directory: directory.path().to_path_buf(),
            command: OurCommand::new(&arguments.command),
        };
        sections.push(measure(&bench).with_context(|| format!("group {name}"))?);
    }
    report::print(&sections);
    let machine = Machine::look(&out);
    // The project's page is for the whole of it at full size.
    let page = if arguments.quick || !arguments.only.is_empty() {
        out.join("benchmarks.md")
    } else {
        PathBuf::from("docs/benchmarks.md")
    };
    report::write_markdown(&sections, &machine, &page)?;
    let figures = out.join("figures.json");
    report::write_json(&sections, &figures)?;
    println!("written to {} and {}", page.display(), figures.display());
    Ok(())
}
