//! Import over HTTP, beside the native backend.

use std::io::Cursor;
use std::time::Instant;

use anyhow::Result;
use workspace_native::source::{SourceOptions, TarSource};

use super::served::{Served, archive};
use super::{PRODUCTION, start};
use crate::Bench;
use crate::figures::{Limit, Section};
use crate::measure::Rounds;
use crate::ours::Ours;

const TIMES: f64 = 3.0;

/// Measures the section.
pub(crate) fn measure(bench: &Bench) -> Result<Section> {
    let (files, rounds) = match bench.quick {
        true => (2_000, 3),
        false => (10_000, 9),
    };
    let mut section = Section::new(
        "In workerd: import",
        format!(
            "One tar archive of {files} files of 200 bytes, a hundred to a directory, into the empty head of \
             a new workspace, until it is durable; {rounds} rounds in turn. In workerd: one POST to the Worker \
             as it is deployed. Natively: the library in this process, the archive from memory."
        ),
    );
    let archive = archive(files, 200)?;
    let workerd = start(bench, PRODUCTION)?;
    let mut run = 0;
    let taken = Rounds::<2>::take(rounds, |which| {
        run += 1;
        if which == 0 {
            let served = Served::new(bench, &workerd, &format!("import-{run}"))?;
            // An object that is there, as a directory is: what starts is not measured.
            served.call("GET", "/v1/head", b"")?;
            return Ok(served.call("POST", "/v1/head/import", &archive)?.0);
        }
        let ours = Ours::create(&bench.directory.join(format!("native-{run}")))?;
        let start = Instant::now();
        let mut source = TarSource::from_reader(
            Cursor::new(archive.clone()),
            "archive".into(),
            &SourceOptions::default(),
        )?;
        ours.import_from(&mut source)?;
        Ok(start.elapsed().as_secs_f64())
    })?;
    section.held(
        format!("{files} files in workerd over natively"),
        taken.ratio(0, 1),
        "times",
        Limit::AtMost(TIMES),
    );
    section.shown("in workerd", taken.median(0), "s");
    section.shown("natively", taken.median(1), "s");
    Ok(section)
}
