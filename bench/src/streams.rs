//! Streaming: a file far larger than the memory that it goes through.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Result, ensure};

use crate::Bench;
use crate::data;
use crate::figures::{Limit, Section};

const MEMORY: f64 = 64.0;
const MIB: f64 = (1 << 20) as f64;

/// Measures the section.
pub(crate) fn measure(bench: &Bench) -> Result<Section> {
    let size: u64 = if bench.quick { 256 << 20 } else { 2 << 30 };
    let mut section = Section::new(
        "Streaming",
        format!(
            "One file of {} MiB through the `workspace` command: in by `put` from standard input, out by \
             `cat`, and compared. Memory is the peak of the process's resident set (`VmHWM`).",
            size >> 20
        ),
    );
    let directory = bench.directory.join("stream");
    fs::create_dir_all(&directory)?;
    let (input, output) = (directory.join("input"), directory.join("output"));
    write_file(&input, size)?;
    let workspace = directory.join("workspace");
    bench.command.init(&workspace)?;
    let put = bench.command.put(&workspace, "/large", &input)?;
    let cat = bench.command.cat(&workspace, "/large", &output)?;
    ensure!(same(&input, &output)?, "what came out is not what went in");
    for (name, took) in [("in", put), ("out", cat)] {
        section.held(
            format!("memory, {name}"),
            took.memory as f64 / MIB,
            "MiB",
            Limit::Under(MEMORY),
        );
        section.shown(
            format!("speed, {name}"),
            size as f64 / MIB / took.seconds,
            "MiB/s",
        );
    }
    Ok(section)
}

fn write_file(path: &Path, size: u64) -> Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    let block = 1 << 20;
    for at in 0..size / block {
        file.write_all(&data::text(at, block as usize))?;
    }
    Ok(file.flush()?)
}

fn same(a: &Path, b: &Path) -> Result<bool> {
    let status = std::process::Command::new("cmp")
        .arg("--silent")
        .args([a, b])
        .status()?;
    Ok(status.success())
}
