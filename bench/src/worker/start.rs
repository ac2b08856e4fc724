//! What a Worker weighs, and how long it takes until it answers.

use std::fs;
use std::io::Write as _;
use std::time::Instant;

use anyhow::Result;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::served::{Served, archive};
use super::{PLAIN, PRODUCTION, start};
use crate::Bench;
use crate::figures::{Limit, Section};
use crate::measure::Rounds;
use crate::process::{peak_memory, reset_peak};

const WASM_KB: f64 = 1_000.0;
const LATER_MS: f64 = 150.0;
const MIB: f64 = (1 << 20) as f64;

/// Measures the section.
pub(crate) fn measure(bench: &Bench) -> Result<Section> {
    let (rounds, files) = if bench.quick {
        (10, 2_000)
    } else {
        (40, 10_000)
    };
    let mut section = Section::new(
        "In workerd: start",
        format!(
            "From the start of the process to the first answer of an object, {rounds} rounds in turn: the \
             Worker as it is deployed, whose workspace says what its head is, and one with an object that \
             only answers; both with the same simulator of R2. The workspace is one of {files} files, or, \
             new, one that is made by this very request. The process's memory is what is resident after \
             the first answer, and its peak (`VmHWM`) over an import of {files} files of 1 KiB."
        ),
    );
    let wasm = bench
        .target
        .join(PRODUCTION)
        .with_file_name("bindings_bg.wasm");
    let wasm = fs::read(wasm)?;
    let mut gzipped = GzEncoder::new(Vec::new(), Compression::best());
    gzipped.write_all(&wasm)?;
    let gzipped = gzipped.finish()?.len() as f64 / 1e3;
    section.held("wasm, gzipped", gzipped, "KB", Limit::Under(WASM_KB));
    section.shown("wasm", wasm.len() as f64 / 1e3, "KB");
    let (idle, peak) = memory(bench, files)?;
    let mut run = 0;
    let taken = Rounds::<3>::take(rounds, |which| {
        run += 1;
        let begin = Instant::now();
        if which == 2 {
            let workerd = start(bench, PLAIN)?;
            workerd.client().pass("/")?;
            return Ok(begin.elapsed().as_secs_f64());
        }
        let workerd = start(bench, PRODUCTION)?;
        let name = match which {
            0 => "files".into(),
            _ => format!("new-{run}"),
        };
        let served = Served::new(bench, &workerd, &name)?;
        served.call("GET", "/v1/head", b"")?;
        Ok(begin.elapsed().as_secs_f64())
    })?;
    for (which, name) in [(0, "first answer"), (1, "first answer of a new workspace")] {
        let later = (taken.median(which) - taken.median(2)) * 1e3;
        let name = format!("{name}, later than an empty Worker's");
        section.held(name, later, "ms", Limit::Under(LATER_MS));
    }
    section.shown("first answer", taken.median(0) * 1e3, "ms");
    section.shown(
        "first answer of an empty Worker",
        taken.median(2) * 1e3,
        "ms",
    );
    section.shown("memory of the process, idle", idle, "MiB");
    section.shown("memory of the process, peak of an import", peak, "MiB");
    Ok(section)
}

/// Makes the workspace that is started with; returns MiB of memory.
fn memory(bench: &Bench, files: u64) -> Result<(f64, f64)> {
    let workerd = start(bench, PRODUCTION)?;
    let served = Served::new(bench, &workerd, "files")?;
    served.call("GET", "/v1/head", b"")?;
    let idle = reset_peak(workerd.process())?;
    let archive = archive(files, 1024)?;
    served.call("POST", "/v1/head/import", &archive)?;
    let peak = peak_memory(workerd.process()).unwrap_or(0);
    Ok((idle as f64 / MIB, peak as f64 / MIB))
}
