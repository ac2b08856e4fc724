//! Scale-free: what must not depend on how many files there are.

use std::cell::Cell;

use anyhow::{Result, bail};
use workspace_core::{Applied, ApplyOptions, At, ForkOptions, RevisionMessage};

use crate::Bench;
use crate::data::{self, Shape};
use crate::figures::{Limit, Section, shown};
use crate::measure::{Rounds, timed};
use crate::ours::Ours;

const RATIO: f64 = 1.5;

/// Makes one call on a side, and returns its seconds.
type Call = fn(&Side) -> Result<f64>;

/// Measures the section.
pub(crate) fn measure(bench: &Bench) -> Result<Section> {
    let (large, rounds) = match bench.quick {
        true => (data::HUNDRED_THOUSAND, 40),
        false => (data::MILLION, 200),
    };
    let small = data::HUNDRED;
    let [few, many] = [small, large].map(|shape| shown(shape.files() as f64));
    let mut section = Section::new(
        "Scale-free",
        format!(
            "Two workspaces on disk, one with {few} files and one with {many}, both three directories deep. \
             Each call is one durable commit; {rounds} rounds, in each of which both do the same. The \
             change that is applied, and the write to head before a snapshot, are not part of the time."
        ),
    );
    let sides = [
        Side::create(bench, "scale-small", small)?,
        Side::create(bench, "scale-large", large)?,
    ];
    let calls: [(&str, Call); 6] = [
        ("fork", Side::fork),
        ("apply of one change", Side::apply),
        ("discard", Side::discard),
        ("snapshot", Side::snapshot),
        ("restore", Side::restore),
        ("write of one file", Side::write),
    ];
    for (name, call) in calls {
        let taken = Rounds::<2>::take(rounds, |side| call(&sides[side]))?;
        let ratio = format!("{name}, {many} files over {few}");
        if name == "write of one file" {
            // A node a level, so it is O(log n), and here to be read.
            section.shown(ratio, taken.ratio(1, 0), "times");
        } else {
            section.held(ratio, taken.ratio(1, 0), "times", Limit::AtMost(RATIO));
        }
        section.shown(format!("{name}, {many} files"), taken.median(1) * 1e3, "ms");
    }
    Ok(section)
}

/// A workspace of one size.
struct Side {
    ours: Ours,
    shape: Shape,
    seed: Cell<u64>,
}

impl Side {
    fn create(bench: &Bench, name: &str, shape: Shape) -> Result<Self> {
        let ours = Ours::create(&bench.directory.join(name))?;
        ours.import(shape)?;
        Ok(Self {
            ours,
            shape,
            seed: Cell::new(shape.files()),
        })
    }

    /// Changes a file that no call before did, to what no file was before.
    fn change(&self, at: At) -> Result<f64> {
        let mut state = self.seed.get();
        let path = self
            .shape
            .path(data::next_random(&mut state) % self.shape.files())?;
        self.seed.set(state);
        let bytes = data::text(state, self.shape.file_bytes);
        let (took, _) = timed(|| self.ours.write(at, vec![(path, bytes)]))?;
        Ok(took.as_secs_f64())
    }

    fn fork(&self) -> Result<f64> {
        let workspace = &self.ours.workspace;
        let (took, _) = timed(|| Ok(workspace.fork(ForkOptions::default())?))?;
        Ok(took.as_secs_f64())
    }

    fn write(&self) -> Result<f64> {
        let copy = self.ours.workspace.fork(ForkOptions::default())?;
        self.change(At::Copy(copy.id))
    }

    fn apply(&self) -> Result<f64> {
        let workspace = &self.ours.workspace;
        let copy = workspace.fork(ForkOptions::default())?.id;
        self.change(At::Copy(copy))?;
        let (took, applied) = timed(|| Ok(workspace.apply(copy, ApplyOptions::default())?))?;
        match applied {
            Applied::Published { .. } => Ok(took.as_secs_f64()),
            Applied::ToParent { .. } | Applied::Unchanged => bail!("the copy held no change"),
        }
    }

    fn discard(&self) -> Result<f64> {
        let workspace = &self.ours.workspace;
        let copy = workspace.fork(ForkOptions::default())?.id;
        self.change(At::Copy(copy))?;
        let (took, _) = timed(|| Ok(workspace.discard(copy)?))?;
        Ok(took.as_secs_f64())
    }

    fn snapshot(&self) -> Result<f64> {
        self.change(At::Head)?;
        let workspace = &self.ours.workspace;
        let (took, _) = timed(|| Ok(workspace.snapshot(RevisionMessage::default())?))?;
        Ok(took.as_secs_f64())
    }

    fn restore(&self) -> Result<f64> {
        let workspace = &self.ours.workspace;
        let newest = workspace.revisions(None, 2)?;
        let Some(before) = newest.last() else {
            bail!("no revision to restore");
        };
        let (took, _) = timed(|| Ok(workspace.restore(before.id, RevisionMessage::default())?))?;
        Ok(took.as_secs_f64())
    }
}
