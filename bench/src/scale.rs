//! Scale-free: what must not depend on how many files there are.

use std::cell::Cell;

use anyhow::{Result, bail};
use workspace_core::{
    Applied, ApplyOptions, At, Author, CopyId, ErrorKind, ForkOptions, RevisionMessage,
};

use crate::Bench;
use crate::data::{self, Shape};
use crate::figures::{Limit, Section, shown};
use crate::measure::{Rounds, timed};
use crate::ours::Ours;

const RATIO: f64 = 1.5;

/// How many copies are compared with one another, and how many files each has changed.
const COPIES: usize = 10;
const CHANGED: usize = 1_000;
/// How long that may take, in milliseconds.
const MAX_OVERLAP: f64 = 100.0;

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
    let calls: [(&str, Call); 10] = [
        ("fork", Side::fork),
        ("apply of one change", Side::apply),
        ("discard", Side::discard),
        ("fork of a copy, eight deep", Side::fork_deep),
        ("apply of one change to a copy", Side::apply_to_copy),
        ("rebase of one change onto a copy", Side::rebase_onto_copy),
        ("discard of a copy of a copy", Side::discard_nested),
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
    let overlap = sides[1].overlap()?;
    section.held(
        format!("overlap of {COPIES} copies that changed {CHANGED} of {many} files each"),
        overlap * 1e3,
        "ms",
        Limit::AtMost(MAX_OVERLAP),
    );
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
            Applied::ToParent { .. } | Applied::Unchanged { .. } => {
                bail!("the copy held no change")
            }
        }
    }

    fn discard(&self) -> Result<f64> {
        let workspace = &self.ours.workspace;
        let copy = workspace.fork(ForkOptions::default())?.id;
        self.change(At::Copy(copy))?;
        let (took, _) = timed(|| Ok(workspace.discard(copy)?))?;
        Ok(took.as_secs_f64())
    }

    /// Forks copies of copies, and of the last of them once more.
    fn fork_deep(&self) -> Result<f64> {
        let workspace = &self.ours.workspace;
        let top = workspace.fork(ForkOptions::default())?.id;
        let mut copy = top;
        for _ in 0..6 {
            copy = workspace.fork(ForkOptions::of_copy(copy))?.id;
        }
        let (took, _) = timed(|| Ok(workspace.fork(ForkOptions::of_copy(copy))?))?;
        workspace.discard(top)?;
        Ok(took.as_secs_f64())
    }

    /// Forks a copy of a copy, and changes a file in it.
    fn nested(&self) -> Result<(CopyId, CopyId)> {
        let workspace = &self.ours.workspace;
        let parent = workspace.fork(ForkOptions::default())?.id;
        let copy = workspace.fork(ForkOptions::of_copy(parent))?.id;
        self.change(At::Copy(copy))?;
        Ok((parent, copy))
    }

    fn apply_to_copy(&self) -> Result<f64> {
        let workspace = &self.ours.workspace;
        let (parent, copy) = self.nested()?;
        let (took, applied) = timed(|| Ok(workspace.apply(copy, ApplyOptions::default())?))?;
        workspace.discard(parent)?;
        match applied {
            Applied::ToParent { .. } => Ok(took.as_secs_f64()),
            other => bail!("the copy was not applied to its parent: {other:?}"),
        }
    }

    fn rebase_onto_copy(&self) -> Result<f64> {
        let workspace = &self.ours.workspace;
        loop {
            let (parent, copy) = self.nested()?;
            self.change(At::Copy(parent))?;
            let (took, rebased) = timed(|| Ok(workspace.rebase(copy, &Author::default())))?;
            workspace.discard(parent)?;
            match rebased {
                Ok(_) => return Ok(took.as_secs_f64()),
                // Among a hundred files both changed the same one.
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn discard_nested(&self) -> Result<f64> {
        let workspace = &self.ours.workspace;
        let (parent, copy) = self.nested()?;
        let (took, _) = timed(|| Ok(workspace.discard(copy)?))?;
        workspace.discard(parent)?;
        Ok(took.as_secs_f64())
    }

    /// Returns how long it takes to compare copies, at the best of five times.
    fn overlap(&self) -> Result<f64> {
        let workspace = &self.ours.workspace;
        let mut copies = Vec::new();
        for _ in 0..COPIES {
            let copy = workspace.fork(ForkOptions::default())?.id;
            let mut writes = Vec::new();
            let mut state = self.seed.get();
            for _ in 0..CHANGED {
                let number = data::next_random(&mut state) % self.shape.files();
                writes.push((self.shape.path(number)?, data::text(state, 100)));
            }
            self.seed.set(state);
            self.ours.write(At::Copy(copy), writes)?;
            copies.push(copy);
        }
        let mut best = f64::INFINITY;
        for _ in 0..5 {
            let (took, _) = timed(|| Ok(workspace.overlap(&copies)?))?;
            best = best.min(took.as_secs_f64());
        }
        Ok(best)
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
