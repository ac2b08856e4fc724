//! Diff: what is different costs, not what is there.

use anyhow::{Result, ensure};
use workspace_core::{At, DiffOptions, ForkOptions, TreePath};

use crate::Bench;
use crate::data;
use crate::figures::{Limit, Section, shown};
use crate::measure::{median, timed};
use crate::ours::Ours;

const CHANGED: u64 = 10;
const REPEATED: usize = 20;
const NODES: f64 = 200.0;

/// Measures the section.
pub(crate) fn measure(bench: &Bench) -> Result<Section> {
    // A tree of a tenth the size is listed in a tenth of the time.
    let (shape, share, rounds) = match bench.quick {
        true => (data::HUNDRED_THOUSAND, 100.0, 3),
        false => (data::MILLION, 1000.0, 5),
    };
    let mut section = Section::new(
        "Diff",
        format!(
            "Two trees of {} files that differ in {CHANGED}, spread over the tree. In each of {rounds} \
             rounds the workspace is opened, and the first diff, which finds nothing in any cache, is \
             counted in nodes by its receipt and timed by itself; then come {REPEATED} more diffs, and one \
             listing of all files. All times are medians. The listing does not fit the node cache, so it \
             finds nothing there either way.",
            shown(shape.files() as f64)
        ),
    );
    let directory = bench.directory.join("diff");
    let ours = Ours::create(&directory)?;
    ours.import(shape)?;
    let copy = At::Copy(ours.workspace.fork(ForkOptions::default())?.id);
    let mut seed = shape.files();
    let mut files = Vec::new();
    for part in 0..CHANGED {
        let within = shape.files() / CHANGED;
        let file = part * within + data::next_random(&mut seed) % within;
        files.push((shape.path(file)?, data::text(seed, shape.file_bytes)));
    }
    ours.write(copy, files)?;
    ours.close();

    let (mut firsts, mut diffs, mut listings, mut nodes) = (vec![], vec![], vec![], 0);
    for _ in 0..rounds {
        let ours = Ours::open(&directory)?;
        let (first, read) = diff_once(&ours, copy)?;
        firsts.push(first);
        nodes = read.max(nodes);
        for _ in 0..REPEATED {
            diffs.push(diff_once(&ours, copy)?.0);
        }
        listings.push(list_once(&ours, copy, shape.files())?);
    }
    let (first, diff, listing) = (median(firsts), median(diffs), median(listings));
    let under = Limit::Under(NODES);
    section.held(
        "nodes that the first diff reads",
        nodes as f64,
        "nodes",
        under,
    );
    let name = "listing one tree over the diff";
    section.held(name, listing / diff, "times", Limit::AtLeast(share));
    let name = "listing one tree over the first diff";
    section.shown(name, listing / first, "times");
    section.shown("the first diff", first * 1e3, "ms");
    section.shown("the diff", diff * 1e3, "ms");
    section.shown("listing one tree", listing * 1e3, "ms");
    Ok(section)
}

/// Returns seconds and nodes read.
fn diff_once(ours: &Ours, copy: At) -> Result<(f64, u64)> {
    let workspace = ours.workspace.metered();
    let (took, found) = timed(|| Ok(workspace.diff(At::Head, copy, &DiffOptions::default())?))?;
    ensure!(found.len() as u64 == CHANGED, "{} differences", found.len());
    Ok((took.as_secs_f64(), workspace.receipt().nodes_read))
}

/// Returns seconds.
fn list_once(ours: &Ours, copy: At, files: u64) -> Result<f64> {
    let view = ours.workspace.files(copy);
    let (took, count) = timed(|| {
        let mut count = 0;
        for entry in view.walk(&TreePath::root())? {
            count += u64::from(entry?.1.as_file().is_some());
        }
        Ok(count)
    })?;
    ensure!(count == files, "{count} files listed");
    Ok(took.as_secs_f64())
}
